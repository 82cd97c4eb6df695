/**
 * Whether a postmaster can be started from here at all: by what system and runtime, by which executable, from which
 * files. It is asked before anything is started, so that what cannot work is refused in words, and not by a child that
 * died or, worse, by one that is this very program once more.
 *
 * That no program starts itself without end is seen to twice. A postmaster's process is born with a role, which its first
 * lines take away: whoever finds it later was started in a postmaster's place. And it is born with the number of
 * postmasters that it is within, which nobody takes away, so that even a chain of a kind not thought of here has an end.
 */
import { existsSync, statSync } from 'node:fs';
import nodeModule from 'node:module';
import { join } from 'node:path';
import { BgworkerError } from '../base/index.js';
import { PACKAGE_FOLDER, PACKAGE_PATH } from '../protocol/index.js';
import { runtime } from './runtime.js';

/** What a postmaster is started with, and what it starts. */
const POSTMASTER_FILE = 'dist/src/postmaster/boot.cjs';
const OWN_FILES = [POSTMASTER_FILE, 'dist/src/postmaster/guardian.sh', 'dist/src/worker/boot.cjs'];

/** So many postmasters may be within each other: a worker that has one of its own makes two. */
const MAX_DEPTH = 3;

/**
 * The path of the program that is to be started, or an error with one of the codes that stand at startPostmaster.
 */
export async function checkSurroundings({ nodePath }: { readonly nodePath?: string | undefined }): Promise<string> {
  checkPlatform();
  checkRole();
  await runtime.worker?.checkLoaded();
  checkDepth();
  const file = findOwnFile();
  checkNode(nodePath);
  return file;
}

/** The variables that a postmaster's process is born with. */
export function marksOfPostmaster(): NodeJS.ProcessEnv {
  return { BGWORKER_ROLE: 'postmaster', BGWORKER_DEPTH: String(depth() + 1) };
}

/**
 * Throws `ERR_UNSUPPORTED_PLATFORM` on Windows and `ERR_UNSUPPORTED_RUNTIME` in Bun and Deno, to clients too: there is no
 * socket that could lead to a postmaster, and what Bun serialises a Node cannot read.
 */
export function checkPlatform(): void {
  const { versions, platform } = process;
  const stranger = versions['bun'] !== undefined ? 'Bun' : versions['deno'] !== undefined ? 'Deno' : undefined;
  if (stranger !== undefined) {
    throw new BgworkerError('ERR_UNSUPPORTED_RUNTIME', `bgworker does not run on ${stranger}`, {
      detail: `${stranger} ${versions['bun'] ?? versions['deno']}`,
      hint: 'use Node 20.19 or later',
    });
  }
  if (platform === 'win32') {
    throw new BgworkerError('ERR_UNSUPPORTED_PLATFORM', 'bgworker does not run on Windows yet', {
      detail: 'it relies on process groups, on signals, and on descriptors that a child is born with',
      hint: 'use WSL 2',
    });
  }
}

/**
 * Throws `ERR_STARTED_INSIDE_ITSELF` where this program runs in the place of a postmaster or of a worker, and
 * `ERR_WORKER_LOADING` where it is one, of which only the modules have been loaded that Node was told to preload.
 */
export function checkRole(): void {
  const role = process.env['BGWORKER_ROLE'];
  if (role === undefined) return;
  if (/[\\/]boot\.cjs$/.test(process.argv[1] ?? '')) {
    throw new BgworkerError('ERR_WORKER_LOADING', 'a module that is preloaded may not start workers', {
      detail: `this is a ${role}, in which Node preloads what ${process.execArgv.join(' ')} and NODE_OPTIONS name`,
      hint: 'start workers from the program itself: what is preloaded is loaded into every worker too',
    });
  }
  throw new BgworkerError('ERR_STARTED_INSIDE_ITSELF', `this program was started as a ${role}, and is none`, {
    detail: `${process.execPath} ${process.argv.slice(1).join(' ')}`,
    hint: 'set nodePath to a real node: in a packaged program, process.execPath is the program itself',
  });
}

function checkDepth(): void {
  if (depth() < MAX_DEPTH) return;
  throw new BgworkerError('ERR_STARTED_INSIDE_ITSELF', 'workers start postmasters whose workers start postmasters', {
    detail: `this process is within ${depth()} of them: ${process.argv.slice(1).join(' ')}`,
    hint: 'do not run a program as its own worker; in a worker, run() and launch() use the postmaster that is there',
  });
}

function depth(): number {
  return Number.parseInt(process.env['BGWORKER_DEPTH'] ?? '', 10) || 0;
}

function findOwnFile(): string {
  if (PACKAGE_FOLDER === undefined) {
    const alone = isSingleExecutable();
    throw new BgworkerError('ERR_BUNDLED', 'bgworker was bundled, without the files that it starts', {
      detail: `it is part of ${alone ? process.execPath : PACKAGE_PATH}`,
      hint: alone
        ? "mark bgworker as external, load it from beside the executable by createRequire(process.execPath)('bgworker'), " +
          'and set nodePath to a real node'
        : 'mark bgworker as external in your bundler, so that it is loaded from node_modules',
    });
  }
  for (const file of OWN_FILES) {
    const path = join(PACKAGE_FOLDER, file);
    if (existsSync(path)) continue;
    throw new BgworkerError('ERR_BUNDLED', "some of bgworker's own files are not there", {
      detail: `${path} is missing`,
      hint:
        'mark bgworker as external in your bundler, and deploy the whole package: what copies only what is imported ' +
        'does not see files that are started',
    });
  }
  return join(PACKAGE_FOLDER, POSTMASTER_FILE);
}

function checkNode(nodePath: string | undefined): void {
  const what = whatIfNoNode();
  if (what === undefined) return;
  if (nodePath !== undefined && !isSameFile(nodePath, process.execPath)) return;
  throw new BgworkerError('ERR_NO_NODE', 'this program is no node', {
    detail: `${process.execPath} is ${what}`,
    hint: 'set nodePath to a real node: startPostmaster({ nodePath })',
  });
}

function whatIfNoNode(): string | undefined {
  const { electron } = process.versions;
  if (electron !== undefined) return `Electron ${electron}`;
  return isSingleExecutable() ? 'a single executable application' : undefined;
}

function isSingleExecutable(): boolean {
  try {
    // Not imported: not every Node has been built with it.
    const { isSea } = nodeModule.createRequire(process.execPath)('node:sea') as typeof import('node:sea');
    return isSea();
  } catch {
    return false;
  }
}

function isSameFile(one: string, other: string): boolean {
  try {
    const [a, b] = [statSync(one), statSync(other)];
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    // What is wrong with it is said by the attempt to start it.
    return false;
  }
}
