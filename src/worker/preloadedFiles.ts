/**
 * The files that a spare has preloaded, and whether they are still what was loaded: a worker must not run code that
 * nobody could have loaded any more when it was registered. Our own package is among them: an update may have replaced
 * it, and one process is to run one version.
 *
 * The list is the debugger's: when it is enabled it names every script there is, ES module or CommonJS, on every version
 * of Node. It is asked within the process, once, without a port. What else `require` has loaded (JSON, addons) stands in
 * its cache. Beside them stands what decides where an import leads: each package.json, and what package managers leave in
 * node_modules. Not seen: JSON that an ES module imports, files that a module reads by itself, and a file that is put in
 * the way of another one by hand.
 *
 * A file is what it was while its inode, size and times are the same, whatever the clock did meanwhile, and whatever
 * directory was moved into the place of another. The times are compared with the clock only once: a file that was
 * changed while this process booted may have been read before or after.
 */
import type { Stats } from 'node:fs';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The kernel takes a file's times from a clock that ticks every 10 ms, or more often. */
const TICK_MS = 10;
/** Some file systems know only whole seconds, or every other one. */
const COARSE_TICK_MS = 2_000;

/** Options of Node that load modules before our first file. */
const LOADS_MODULES = /(?:^|\s)(?:--import|--require|-r|--loader|--experimental-loader)\b/;

export class PreloadedFiles {
  readonly #optionsLoad = LOADS_MODULES.test(`${process.execArgv.join(' ')} ${process.env['NODE_OPTIONS'] ?? ''}`);
  /** Nothing of it can have been read before. */
  readonly #since = this.#optionsLoad ? performance.timeOrigin : Date.now();
  /** By path: what it was. */
  readonly #files = new Map<string, Print>();
  /** Changed while it was loaded. */
  #changed: string | undefined;

  /**
   * To be made before the first is imported, and called after the last. Of our own package one file speaks for all, the
   * one that this process has booted from: whoever replaces a package replaces that too.
   */
  async record(modules: readonly string[], packagePath: string): Promise<void> {
    this.#note(`${packagePath}dist/src/worker/boot.cjs`, performance.timeOrigin);
    if (modules.length === 0 && !this.#optionsLoad) return;
    const ours = `${packagePath}dist/src/`;
    const required = Object.keys(createRequire(import.meta.url).cache);
    // The modules that were named by their names too: a link may lead somewhere else by then.
    const named = modules.map((module) => fileURLToPath(module));
    const loaded = [...(await scriptPaths()), ...required, ...named].filter((path) => !path.startsWith(ours));
    for (const path of new Set([...loaded, ...waymarks(loaded)])) this.#note(path, this.#since);
  }

  #note(path: string, since: number): void {
    const stats = tryStat(path);
    // What was never a file of its own (the inside of an archive, a name that a loader made up) cannot be compared.
    if (stats === undefined) return;
    this.#files.set(path, printOf(stats));
    if (changedBy(stats) >= since) this.#changed ??= path;
  }

  /** The first that is not what it was. */
  findStale(): string | undefined {
    if (this.#changed !== undefined) return this.#changed;
    for (const [path, print] of this.#files) {
      const stats = tryStat(path);
      if (stats === undefined || !isSame(printOf(stats), print)) return path;
    }
    return undefined;
  }
}

/** Written by npm, pnpm and Yarn whenever they have changed what is in a node_modules. */
const INSTALLED = ['.package-lock.json', '.modules.yaml', '.yarn-state.yml'];

/**
 * What decides which files an import leads to, besides those files: the package.json of each, and what was installed.
 * They need not be there.
 */
function* waymarks(paths: readonly string[]): Generator<string> {
  const seen = new Set<string>();
  for (const path of paths) {
    let isInPackage = false;
    for (let folder = dirname(path); !seen.has(folder); folder = dirname(folder)) {
      seen.add(folder);
      const manifest = join(folder, 'package.json');
      if (!isInPackage && tryStat(manifest) !== undefined) {
        isInPackage = true;
        yield manifest;
      }
      for (const name of INSTALLED) yield join(folder, 'node_modules', name);
    }
  }
}

interface Print {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

function printOf({ ino, size, mtimeMs, ctimeMs }: Stats): Print {
  return { ino, size, mtimeMs, ctimeMs };
}

function isSame(one: Print, other: Print): boolean {
  return (
    one.ctimeMs === other.ctimeMs && one.mtimeMs === other.mtimeMs && one.size === other.size && one.ino === other.ino
  );
}

/** The latest moment at which it may have been changed: by the time that nobody can set. */
function changedBy({ ctimeMs }: Stats): number {
  return ctimeMs + (ctimeMs % 1_000 === 0 ? COARSE_TICK_MS : TICK_MS);
}

function tryStat(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A directory on the way to it is closed to us, or is none any more.
    return undefined;
  }
}

async function scriptPaths(): Promise<readonly string[]> {
  const paths: string[] = [];
  const session = await openSession();
  // A Node that was built without the debugger knows only the modules that were named, and what was required.
  if (session === undefined) return paths;
  session.on('Debugger.scriptParsed', ({ params: { url } }) => {
    if (url.startsWith('file:')) paths.push(fileURLToPath(url));
    else if (url.startsWith('/')) paths.push(url);
  });
  session.connect();
  session.post('Debugger.enable');
  session.post('Debugger.disable');
  session.disconnect();
  return paths;
}

async function openSession(): Promise<import('node:inspector').Session | undefined> {
  try {
    const { Session } = await import('node:inspector');
    return new Session();
  } catch {
    return undefined;
  }
}
