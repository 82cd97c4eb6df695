/**
 * The scene of one test: everything it starts is registered here and is gone when the test is over, however it ended.
 * A stray of a failed test would eat the machine that the next one runs on.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Client, PostmasterSettings } from '../../../src/index.js';
import { connect, startPostmaster } from '../../../src/index.js';
import { SHARED_FOLDER } from '../../../src/postmaster/segmentFiles.js';
import { untilGone } from '../../postmaster/processState.js';
import { fixturePath } from './fixtures.js';
import { familyOf, guardianOf, kill } from './processes.js';

/** A process of its own that embeds a postmaster: it can be killed, and its postmaster's output can be read. */
export interface Application {
  readonly pid: number;
  readonly postmasterPid: number;
  readonly epoch: string;
  readonly directory: string;
  /** Of the workers it was told to launch. */
  readonly workers: readonly { readonly handle: string; readonly pid: number }[];
  /** What it and its postmaster have printed so far. */
  output(stream: 'stdout' | 'stderr'): string;
}

export interface ApplicationOptions {
  readonly settings?: PostmasterSettings;
  /** Exports of workers.mjs to launch, with their arguments and options. */
  readonly workers?: readonly { readonly name: string; readonly arg?: unknown; readonly options?: object }[];
  /** Words to put before `node`, such as `setpriv …`. */
  readonly through?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Nobody reads what it prints. */
  readonly isDeaf?: boolean;
}

export class Scene {
  readonly #pids = new Set<number>();
  readonly #epochs = new Set<string>();
  readonly #directories = new Set<string>();
  readonly #clients: Client[] = [];
  readonly #undo: (() => void)[] = [];

  /** An embedded postmaster of the test's own process; without spares, which is one process less to start each time. */
  async postmaster(settings: PostmasterSettings = {}): Promise<Client> {
    const client = await startPostmaster({ output: 'ignore', logLevel: 'silent', spareWorkers: 0, ...settings });
    this.watch(client.postmasterPid, client.epoch, client.directory);
    this.#clients.push(client);
    return client;
  }

  async client(directory: string): Promise<Client> {
    const client = await connect({ directory });
    this.#clients.push(client);
    return client;
  }

  async application({
    settings,
    workers = [],
    through = [],
    env,
    isDeaf,
  }: ApplicationOptions = {}): Promise<Application> {
    const job = JSON.stringify({
      settings: { output: 'ignore', logLevel: 'silent', spareWorkers: 0, ...settings },
      workers,
    });
    const [command = process.execPath, ...words] = [...through, process.execPath, fixturePath('application.mjs'), job];
    const child = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
      detached: true,
    });
    this.add(child.pid);
    const printed = { stdout: '', stderr: '' };
    for (const stream of isDeaf === true ? [] : (['stdout', 'stderr'] as const)) {
      child[stream]?.setEncoding('latin1').on('data', (text: string) => {
        printed[stream] += text;
      });
    }
    const death = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the application ended with ${code ?? signal}: ${printed.stderr}`);
    });
    const [told] = (await Promise.race([once(child, 'message'), death])) as [Omit<Application, 'pid' | 'output'>];
    death.catch(() => {});
    // Whoever ends it does so through its pid; the channel would keep the test alive.
    child.channel?.unref();
    child.unref();
    this.watch(told.postmasterPid, told.epoch, told.directory);
    for (const { pid } of told.workers) this.add(pid);
    return { ...told, pid: child.pid ?? 0, output: (stream) => printed[stream] };
  }

  /** A fresh directory with a short name, as a socket needs it. */
  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'bgw-'));
    this.#directories.add(directory);
    return directory;
  }

  /** What has to be undone when the processes are gone, before the directories are removed. */
  undoing(undo: () => void): void {
    this.#undo.push(undo);
  }

  add(pid: number | null | undefined): void {
    if (pid != null && pid > 1) this.#pids.add(pid);
  }

  watch(postmasterPid: number, epoch: string, directory: string): void {
    this.add(postmasterPid);
    this.add(guardianOf(postmasterPid));
    this.#epochs.add(epoch);
    this.#directories.add(directory);
  }

  async end(): Promise<void> {
    for (const pid of this.#pids) this.add(guardianOf(pid));
    for (const pid of this.#pids) {
      kill(pid, 'SIGCONT');
      kill(pid);
    }
    // Twice: one that was just being forked is seen only in the second round.
    for (let round = 0; round < 2; round += 1) {
      const family = [...this.#epochs].flatMap(familyOf);
      for (const pid of family) kill(pid);
      await untilGone([...this.#pids, ...family]);
    }
    for (const client of this.#clients) await client.close().catch(() => {});
    for (const undo of this.#undo) undo();
    // A guardian that was killed as well removes nothing.
    for (const name of existsSync(SHARED_FOLDER) ? readdirSync(SHARED_FOLDER) : []) {
      const [, epoch = ''] = name.split('.');
      if (name.startsWith('bgworker.') && this.#epochs.has(epoch)) rmSync(join(SHARED_FOLDER, name), { force: true });
    }
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
  }
}

/** The scene of this test, torn down behind it. */
export function sceneOf(t: TestContext): Scene {
  const scene = new Scene();
  t.after(() => scene.end());
  return scene;
}
