/**
 * `npm run test:versions -- [20 22 24 26] [what `npm test` takes]`: the same tests under every supported Node.
 *
 * Each stands first in PATH, so that processes which the tests start by name run under it too.
 */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { majorOf, nodeOf, versions } from './nodes.mjs';
import { root, setup } from './setup.mjs';

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
