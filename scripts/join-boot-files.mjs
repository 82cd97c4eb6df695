/**
 * Joins what five kinds of process boot from into one file each, as CommonJS:
 *
 * - dist/src/worker/boot.cjs: what every start of a worker needs. A file of its own costs a cold start 0.3 to 0.6 ms, and
 *   an ES module as the first file 3 ms: together 5 of the 30 that a start took on Node 24. What is imported only when
 *   it is needed stays outside, and so must not import any of these: it would get a second copy.
 * - dist/src/postmaster/boot.cjs: all of an embedded postmaster, which is there 35 ms sooner for it.
 * - dist/src/postmaster/daemon.cjs: all of a daemon. It takes 3 MiB less for it, since nothing is in it that only the
 *   command needs.
 * - dist/src/postmaster/command.cjs: the command `bgworker`. It takes 120 ms of a processor instead of 215, as often as a
 *   script calls it. What only some commands need is in it, and evaluated when they do.
 * - dist/src/postmaster/configuration.cjs: what evaluates a configuration file.
 *
 * They are as readable as what tsc wrote; nothing is renamed or shortened, and no other package is taken in.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const dist = fileURLToPath(new URL('../dist/src', import.meta.url));

/** The rest of the worker's folder, and all other folders, are loaded when they are needed. */
const workerFiles = [
  ...['main', 'entryPoint', 'context', 'exported', 'lastWords', 'parts', 'postmasterLine', 'stopRequest'],
  // Loaded when they are needed, and most workers need them.
  ...['argument', 'returned'],
];

await join('worker/main', 'worker/boot', (path) => workerFiles.includes(path.replace(/^\.\/(.*)\.js$/, '$1')));
await join('postmaster/main', 'postmaster/boot', () => true);
// Beside the other, since what is in them finds files from there.
await join('cli/daemon/main', 'postmaster/daemon', () => true);
await join('cli/main', 'postmaster/command', () => true);
await join('cli/config/child', 'postmaster/configuration', () => true);

async function join(first, joined, isJoined) {
  await build({
    entryPoints: [`${dist}/${first}.js`],
    outfile: `${dist}/${joined}.cjs`,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    define: { 'import.meta.url': 'bootUrl' },
    banner: { js: "const bootUrl = require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'warning',
    plugins: [
      {
        name: 'what stays outside',
        setup: ({ onResolve }) => {
          onResolve({ filter: /^\./ }, ({ path }) => (isJoined(path) ? undefined : { path, external: true }));
        },
      },
    ],
  });
}
