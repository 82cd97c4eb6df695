/**
 * `npm test -- [path | name pattern | --option]…`: setup, then Node's own test runner over what tsc wrote.
 *
 *   npm test                        everything
 *   npm test -- test/core           the files below that path; so does test/core/x.test.ts
 *   npm test -- 'a handle'          the tests whose name matches
 *   npm test -- --test-only         options go to node
 *
 * The files are listed here and not by a glob, since Node versions expand those differently.
 */
import { standFor } from './child.mjs';
import { filesBelow, setup } from './setup.mjs';

const concurrency = 2; // the tests start many processes of their own, and CI has two cores
// These take longest, one after the other: at the end they would keep one core from having anything to do.
const first = ['readme/programs', 'shm/otherNode', 'parallel/debugParallel'].map((name) => `dist/test/${name}.test.js`);
const fileTimeoutMs = 300_000; // a file that hangs must fail by itself, long before CI gives up on the whole run

setup();
const { files, options } = choose(
  process.argv.slice(2),
  [...new Set([...first, ...filesBelow('dist/test')])].filter((path) => path.endsWith('.test.js')),
);
if (files.length === 0) fail('there is no such test file');

standFor(process.execPath, [
  '--test',
  '--test-reporter=spec',
  `--test-concurrency=${concurrency}`,
  `--test-timeout=${fileTimeoutMs}`,
  ...options,
  ...files,
]);

function choose(args, all) {
  const options = [];
  const chosen = new Set();
  let choosesFiles = false;
  for (const arg of args) {
    const stem = arg
      .replace(/^\.\//, '')
      .replace(/^dist\//, '')
      .replace(/\/$/, '')
      .replace(/\.[jt]s$/, '');
    const below = all.filter((path) => path === `dist/${stem}.js` || path.startsWith(`dist/${stem}/`));
    if (arg.startsWith('-')) options.push(arg);
    else if (below.length > 0 || arg.includes('/')) {
      choosesFiles = true;
      for (const path of below) chosen.add(path);
      if (below.length === 0) fail(`there is no test file below ${arg}`);
    } else options.push(`--test-name-pattern=${arg}`);
  }
  return { files: choosesFiles ? [...chosen] : all, options };
}

function fail(message) {
  process.stderr.write(`test: ${message}\n`);
  process.exit(2);
}
