/**
 * `npm run test:versions -- [20 22 24 26] [what `npm test` takes]`: the same tests under every supported Node.
 *
 * Each Node comes from the registry as a package of one binary, and stays in .cache/node. It stands first in PATH, so
 * that processes which the tests start by name run under it too.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root, setup } from './setup.mjs';

const versions = ['20.20.2', '22.23.3', '24.21.0', '26.10.0'];

setup();
const args = process.argv.slice(2);
const majors = args.filter((arg) => versions.some((version) => majorOf(version) === arg));
const testArgs = args.filter((arg) => !majors.includes(arg));

const rows = [];
for (const version of versions) {
  if (majors.length > 0 && !majors.includes(majorOf(version))) continue;
  const { directory, exact } = nodeOf(version);
  process.stdout.write(`\n── Node ${exact}\n`);
  rows.push({ node: exact, ...(await runTests(directory, testArgs)) });
}
console.table(rows);
process.exitCode = rows.every((row) => row.exitCode === 0) ? 0 : 1;

function majorOf(version) {
  return version.split('.')[0];
}

/** The folder that holds `node` of this version. Ours will do where its major is the one wanted of Node 20. */
function nodeOf(version) {
  if (majorOf(version) === '20' && majorOf(process.versions.node) === '20') {
    return { directory: join(process.execPath, '..'), exact: process.versions.node };
  }
  const home = join(root, '.cache/node', version);
  if (!existsSync(join(home, 'bin/node'))) download(version, home);
  return { directory: join(home, 'bin'), exact: version };
}

/** Unpacks beside the goal and renames, so that an interrupted download is never taken for a Node. */
function download(version, home) {
  mkdirSync(join(home, '..'), { recursive: true });
  const scratch = mkdtempSync(`${home}-`);
  try {
    must('npm', ['pack', '--silent', `node-${process.platform}-${process.arch}@${version}`], scratch);
    must('tar', ['-xzf', readdirSync(scratch)[0], '--strip-components=1'], scratch);
    rmSync(home, { recursive: true, force: true });
    // Tests run it as another user too.
    chmodSync(scratch, 0o755);
    renameSync(scratch, home);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function must(command, commandArgs, cwd) {
  const { status, error } = spawnSync(command, commandArgs, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0)
    throw new Error(`${command} ${commandArgs.join(' ')} failed: ${error?.message ?? `exit ${status}`}`);
}

function runTests(directory, testArgs) {
  return new Promise((resolve) => {
    const started = performance.now();
    const env = { ...process.env, PATH: `${directory}${delimiter}${process.env.PATH}` };
    const runner = spawn(join(directory, 'node'), [join(root, 'scripts/test.mjs'), ...testArgs], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    runner.stdout.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      output += text;
    });
    runner.on('close', (exitCode) => {
      // The runner's closing lines: "ℹ pass 12".
      const count = (word) => Number(output.match(new RegExp(`^. ${word} (\\d+)$`, 'm'))?.[1] ?? 0);
      const seconds = Math.round((performance.now() - started) / 100) / 10;
      resolve({ passed: count('pass'), failed: count('fail'), skipped: count('skipped'), seconds, exitCode });
    });
  });
}
