/**
 * Where the rows of the truth table are shown: an ordinary postmaster, and others that are short of something. Each is
 * made when the first row needs it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../../../src/index.js';
import { until } from '../../postmaster/processState.js';
import type { Row } from '../truthRows.js';
import { openDescriptors } from './processes.js';
import type { Application } from './scene.js';
import { Scene } from './scene.js';

export interface Place {
  readonly client: Client;
  /** Takes away what the row is short of. */
  limit(): void;
  /** Gives it back. */
  restore(): void;
  /** What must have been passed on of a worker's output; gives what is wrong. */
  heard(): Promise<string | undefined>;
}

/** Nobody else on this machine has it, hopefully. */
const OTHER_USER = 61_547;

export class Stage {
  readonly scene = new Scene();
  readonly scratch = this.scene.directory();
  readonly #places = new Map<Row['place'] | 'spares', Promise<Place>>();
  #turn: Promise<unknown> = Promise.resolve();

  place(kind: Row['place'] | 'spares'): Promise<Place> {
    const known = this.#places.get(kind);
    if (known !== undefined) return known;
    const place = this.#open(kind);
    this.#places.set(kind, place);
    return place;
  }

  /** One after the other: each finds a spare idle, and has been given it before the next one looks. */
  withSpare<Handle>(client: Client, register: () => Promise<Handle>): Promise<Handle> {
    const turn = this.#turn.then(async () => {
      while ((await client.spares()).idle === 0) await pause(5);
      return register();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  end(): Promise<void> {
    return this.scene.end();
  }

  async #open(kind: Row['place'] | 'spares'): Promise<Place> {
    switch (kind) {
      case 'spares':
        return placeOf(await this.scene.postmaster({ maxWorkerProcesses: 64, spareWorkers: 4 }));
      case undefined:
        return placeOf(await this.scene.postmaster({ maxWorkerProcesses: 64 }));
      case 'noDescriptors': {
        const client = await this.scene.postmaster({ maxWorkerProcesses: 4 });
        const pid = client.postmasterPid;
        return placeOf(client, {
          limit: () => setLimit(pid, `--nofile=${openDescriptors(pid) + 1}:`),
          restore: () => setLimit(pid, '--nofile=1024:'),
        });
      }
      case 'otherUser':
        return placeOf(await this.scene.client((await this.#asOtherUser(OTHER_USER)).directory));
      case 'noProcesses': {
        // A user of its own: the limit counts all of a user's processes.
        const user = OTHER_USER + 1;
        const { directory, postmasterPid } = await this.#asOtherUser(user);
        return placeOf(await this.scene.client(directory), {
          limit: () => setLimit(postmasterPid, '--nproc=1:', asUser(user)),
          restore: () => setLimit(postmasterPid, '--nproc=1000:', asUser(user)),
        });
      }
      case 'heard': {
        const application = await this.scene.application();
        let times = 0;
        return placeOf(await this.scene.client(application.directory), {
          heard: () => {
            times += 1;
            return nothingLost(application, times);
          },
        });
      }
    }
  }

  #asOtherUser(user: number): Promise<Application> {
    chmodSync(this.scratch, 0o777);
    return this.scene.application({
      through: asUser(user),
      env: { TMPDIR: this.scratch, XDG_RUNTIME_DIR: undefined, HOME: '/' },
    });
  }
}

/** Why a row cannot be shown on this machine; undefined if it can. */
export function whyNotHere(kind: Row['place']): string | undefined {
  try {
    if (kind === 'noDescriptors') execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    if (kind === 'noProcesses') execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    if (kind === 'noProcesses' || kind === 'otherUser') {
      const [command = '', ...words] = asUser(OTHER_USER);
      execFileSync(command, [...words, process.execPath, '-e', '0'], { stdio: 'ignore' });
    }
    return undefined;
  } catch (error) {
    return `not shown here: ${(error as Error).message.split('\n')[0]}`;
  }
}

function placeOf(client: Client, other: Partial<Place> = {}): Place {
  return { client, limit: () => {}, restore: () => {}, heard: async () => undefined, ...other };
}

function asUser(user: number): readonly string[] {
  return ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
}

/** Only the soft limit, which can be raised again. */
function setLimit(pid: number, limit: string, through: readonly string[] = []): void {
  const [command = '', ...words] = [...through, 'prlimit', '--pid', String(pid), limit];
  execFileSync(command, words);
}

/** The megabytes of printsAndDies in functions.mjs, as often as it ran: each line once and in its place. */
async function nothingLost(application: Application, times: number): Promise<string | undefined> {
  for (const [stream, letter] of [
    ['stdout', 'o'],
    ['stderr', 'e'],
  ] as const) {
    let once = '';
    for (let line = 0; line < 131_072; line += 1) once += `${letter}${String(line).padStart(6, '0')}\n`;
    const all = once.repeat(times);
    const arrived = until(() => application.output(stream).length >= all.length, `all of ${stream}`, 20_000);
    if (
      !(await arrived.then(
        () => true,
        () => false,
      ))
    )
      return `${stream} has ${application.output(stream).length} bytes`;
    if (application.output(stream) !== all) return `what was passed on of ${stream} is not what was printed`;
  }
  return undefined;
}
