/**
 * `node scripts/run.mjs <file in dist> [args]`: setup, then that program in this very process, so that signals,
 * standard input and the exit code are its own.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setup } from './setup.mjs';

const [path, ...args] = process.argv.slice(2);
if (path === undefined) fail('usage: node scripts/run.mjs <file in dist> [args]');

setup();
const program = resolve(root, path);
if (!existsSync(program)) fail(`there is no ${path}: its source is missing`);
process.argv = [process.execPath, program, ...args];
await import(pathToFileURL(program).href);

function fail(message) {
  process.stderr.write(`run: ${message}\n`);
  process.exit(2);
}
