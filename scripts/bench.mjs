/**
 * `npm run bench -- [what bench/main.js takes] [--node <path>]`: setup, then the packages of bench/, then the figures.
 * `npm run bench:curve` is this with `--program curve`, which is another program of bench/.
 *
 * What we are compared with is a package of its own, so that nobody who uses or tests bgworker installs it. With --node
 * all of it, ours and theirs, runs under another Node than the one that prepares the checkout.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { standFor } from './child.mjs';
import { install, root, setup } from './setup.mjs';

const args = process.argv.slice(2);
const node = takeNode();
const [program = 'main'] = take('--program') ?? [];
setup();
install('bench');

standFor(node, [join(root, `bench/${program}.js`), ...args]).on('error', (error) => fail(`${node}: ${error.message}`));

function takeNode() {
  const taken = take('--node');
  if (taken === undefined) return process.execPath;
  const [path] = taken;
  if (path === undefined || !existsSync(path)) fail(`--node wants the path of a node, and got ${path ?? 'nothing'}`);
  return resolve(path);
}

/** An option of ours with what follows it; undefined when it is not there. */
function take(option) {
  const at = args.indexOf(option);
  return at === -1 ? undefined : args.splice(at, 2).slice(1);
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}
