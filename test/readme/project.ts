/**
 * A directory as a user has one: the package is installed in it, and what a page says is done there.
 *
 * Standard output and standard error are one file, so that what was printed stands in the order in which it was, and
 * so that a daemon that goes on writing keeps nobody waiting.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './pages.js';

type Packages = Readonly<Record<string, string>>;
const { dependencies: needed, optionalDependencies: optional } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as { readonly dependencies: Packages; readonly optionalDependencies: Packages };
const dependencies = Object.keys({ ...needed, ...optional });

/** Far more than any page needs. What is still there then has hung, and is ended. */
const LONGEST_STEP_MS = 60_000;

export class Project {
  readonly directory = mkdtempSync(join(tmpdir(), 'bgworker-page-'));
  readonly #env: NodeJS.ProcessEnv;

  constructor() {
    const modules = join(this.directory, 'node_modules');
    const bin = join(modules, '.bin');
    mkdirSync(bin, { recursive: true });
    // A copy, as npm makes one: a link would lead out of the project, where a worker may not be allowed to read.
    cpSync(join(root, 'dist/src'), join(modules, 'bgworker/dist/src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(modules, 'bgworker/package.json'));
    for (const name of dependencies) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    const main = join(modules, 'bgworker/dist/src/postmaster/command.cjs');
    writeScript(join(bin, 'bgworker'), `exec '${process.execPath}' '${main}' "$@"`);
    // npm's own npx takes as long as the rest, half a second each time, and is not what is tested.
    writeScript(join(bin, 'npx'), 'exec "$@"');
    this.write('package.json', '{ "type": "module" }\n');
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('BGWORKER_'));
    this.#env = {
      ...Object.fromEntries(inherited),
      PATH: `${bin}:${dirname(process.execPath)}:${process.env['PATH']}`,
      // A server listens where nobody else does.
      PORT: '0',
    };
  }

  write(path: string, text: string): void {
    const at = join(this.directory, path);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, text);
    if (path.endsWith('.sh')) chmodSync(at, 0o755);
  }

  async run(command: string): Promise<{ code: number | null; signal: string | null; said: string }> {
    const output = join(this.directory, 'node_modules/.output');
    const descriptor = openSync(output, 'w');
    const child = spawn('sh', ['-c', command], {
      cwd: this.directory,
      env: this.#env,
      stdio: ['ignore', descriptor, descriptor],
      timeout: LONGEST_STEP_MS,
      killSignal: 'SIGKILL',
    });
    closeSync(descriptor);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    return { code, signal, said: readFileSync(output, 'utf8') };
  }

  /** A daemon was started here and is still there. */
  get hasDaemon(): boolean {
    return existsSync(join(this.directory, '.bgworker/postmaster.sock'));
  }

  async remove(): Promise<void> {
    if (this.hasDaemon) await this.run('bgworker stop -m immediate --directory .bgworker');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function writeScript(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}
