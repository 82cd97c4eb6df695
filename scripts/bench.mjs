/**
 * `npm run bench -- [what bench/main.js takes] [--node <path>]`: setup, then the packages of bench/, then the figures.
 *
 * What we are compared with is a package of its own, so that nobody who uses or tests bgworker installs it. With --node
 * all of it, ours and theirs, runs under another Node than the one that prepares the checkout.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { root, setup } from './setup.mjs';

const home = join(root, 'bench');
const stamp = join(home, 'node_modules/.bgworker-stamp');

const args = process.argv.slice(2);
const node = takeNode();
setup();
installPeers();

const figures = spawn(node, [join(home, 'main.js'), ...args], { cwd: root, stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => figures.kill(signal));
figures.on('error', (error) => fail(`${node}: ${error.message}`));
figures.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});

function takeNode() {
  const at = args.indexOf('--node');
  if (at === -1) return process.execPath;
  const [, path] = args.splice(at, 2);
  if (path === undefined || !existsSync(path)) fail(`--node wants the path of a node, and got ${path ?? 'nothing'}`);
  return resolve(path);
}

/** As setup.mjs does for the project itself. */
function installPeers() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(home, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('bench: installing the packages of bench/package-lock.json\n');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: home,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) fail('npm ci failed in bench/');
  writeFileSync(stamp, wanted);
}

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}
