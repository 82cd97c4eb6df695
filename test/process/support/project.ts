/**
 * A directory as a user has one, with a configuration file, and the command run in it. The daemon that is started there
 * is gone with the scene.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './fixtures.js';
import type { Scene } from './scene.js';

export const COMMAND = `${root}dist/src/postmaster/command.cjs`;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Project {
  readonly directory: string;
  readonly #scene: Scene;

  constructor(scene: Scene, config?: unknown) {
    this.#scene = scene;
    this.directory = scene.directory();
    if (config !== undefined) this.write('bgworker.config.json', JSON.stringify(config));
  }

  /** Where its daemon lives. */
  get home(): string {
    return join(this.directory, '.bgworker');
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  /** Runs the command to its end. */
  async run(...words: readonly string[]): Promise<Ran> {
    return finished(this.spawn(words));
  }

  /** As `run`, and gives the object that it printed; fails if the command does. */
  async json(...words: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.run(...words, '--json');
    if (code !== 0) throw new Error(`bgworker ${words.join(' ')}: ${code}\n${stdout}${stderr}`);
    return JSON.parse(stdout);
  }

  /** Starts its daemon. */
  async start(...words: readonly string[]): Promise<{ pid: number; epoch: string; directory: string }> {
    const { pid, epoch, directory } = await this.json('start', ...words);
    this.#scene.watch(Number(pid), String(epoch), String(directory));
    return { pid: Number(pid), epoch: String(epoch), directory: String(directory) };
  }

  spawn(words: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const { BGWORKER_DIR: _, ...inherited } = process.env;
    const child = spawn(process.execPath, [COMMAND, ...words], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...inherited, ...env },
    });
    this.#scene.add(child.pid);
    return child;
  }
}

export async function finished(child: ChildProcess): Promise<Ran> {
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, ...said };
}
