/**
 * `npm run bench -- [what bench/main.js takes] [--node <path>]`: setup, then the packages of bench/, then the figures.
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
setup();
install('bench');

standFor(node, [join(root, 'bench/main.js'), ...args]).on('error', (error) => fail(`${node}: ${error.message}`));

function takeNode() {
  const at = args.indexOf('--node');
  if (at === -1) return process.execPath;
  const [, path] = args.splice(at, 2);
  if (path === undefined || !existsSync(path)) fail(`--node wants the path of a node, and got ${path ?? 'nothing'}`);
  return resolve(path);
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}
