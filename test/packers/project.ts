/**
 * A project of a user with this package in its node_modules, copied there and not linked: Vite, for one, takes what is
 * linked for the project's own. Everything that is started in it is waited for, and killed when it does not end.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Something hangs. */
const PATIENCE_MS = 60_000;

export interface Said {
  readonly gave?: unknown;
  readonly code?: string;
  readonly message?: string;
  readonly detail?: string;
  readonly hint?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Project {
  readonly directory = mkdtempSync(join(tmpdir(), 'bgw-packers-'));
  #starts = 0;

  /** `fixture`: a folder of test/fixtures/packers, with the package.json that it has there or one for ES modules. */
  constructor(fixture: string, manifest: object = { type: 'module' }) {
    cpSync(join(root, 'test/fixtures/packers', fixture), this.directory, { recursive: true });
    this.write('package.json', JSON.stringify({ private: true, ...manifest }));
    const installed = this.path('node_modules/bgworker');
    cpSync(join(root, 'dist/src'), join(installed, 'dist/src'), {
      recursive: true,
      filter: (path) => !path.endsWith('.map'),
    });
    cpSync(join(root, 'package.json'), join(installed, 'package.json'));
    for (const name of ['commander', 'valibot', 'tsx', '@types']) {
      symlinkSync(join(root, 'node_modules', name), this.path(join('node_modules', name)));
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text);
  }

  async run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(BGWORKER_|NODE_)/.test(name));
    const child = spawn(command, args, {
      cwd: this.directory,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    const printed = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        printed[stream] += text;
      });
    }
    // `close` comes when all that it started, and that prints where it does, is gone as well.
    const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'close')]);
    return { code, signal, ...printed };
  }

  /** A program of the fixtures: what it said, and how often it was started. */
  async said(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<[Said, number]> {
    this.#starts += 1;
    const starts = this.path(`starts${this.#starts}`);
    const { stdout, stderr } = await this.run(command, args, { STARTS: starts, ...env });
    const [line = ''] = stdout.split('\n');
    if (!line.startsWith('{')) throw new Error(`${command} ${args.join(' ')} said ${stdout}${stderr}`);
    const count = existsSync(starts) ? readFileSync(starts, 'utf8').trim().split('\n').length : 0;
    return [JSON.parse(line), count];
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
