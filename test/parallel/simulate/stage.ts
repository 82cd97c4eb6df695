/**
 * What every run of the simulation is given, and what comes in between: processes of the run that are killed, and its
 * signal. Both come after so many results, or after some milliseconds, which is at any moment, a start and an end too.
 *
 * What is drawn is drawn before the run begins, so that a seed always gives the same run; when the processes do their part
 * is up to the machine.
 */
import { getEventListeners } from 'node:events';
import type { Client } from '../../../src/index.js';
import type { ParallelOptions } from '../../../src/parallel/index.js';
import type { Random } from '../../simulation/random.js';

export interface Stage {
  readonly client: Client;
  readonly random: Random;
  /** What every process of this run is called, and no other. */
  readonly name: string;
  count(what: string): void;
}

/**
 * How many slots there are for one run's processes: by their class, which others that run at the same time have too. Of
 * `parallel` there are more than all of them take.
 */
export const CLASSES = { parallel: 48, few: 3, single: 1, none: 0 } as const;
export type Class = keyof typeof CLASSES;

export function drawClass(random: Random): Class {
  if (random.chance(0.7)) return 'parallel';
  return random.pick(['few', 'single', 'none'] as const);
}

/** What all of bgworker/parallel is told alike. */
export function processesOf({ client, name }: Stage, kind: Class): ParallelOptions {
  return { client, name, worker: { class: kind } };
}

export interface Interruption {
  readonly kind: 'kill' | 'abort';
  /** After so many results of this run. */
  readonly afterRows?: number;
  readonly afterMs?: number;
  /** Which of the processes there are then, in [0, 1). */
  readonly victim: number;
}

const LATEST_MS = 60;

export function drawInterruptions(random: Random, rows: number): Interruption[] {
  const count = random.chance(0.55) ? 0 : random.chance(0.8) ? 1 : 2;
  return Array.from({ length: count }, () => ({
    kind: random.chance(0.6) ? 'kill' : 'abort',
    ...(random.chance(0.5)
      ? { afterRows: random.below(rows + 1) }
      : { afterMs: LATEST_MS * random.next() * random.next() }),
    victim: random.next(),
  }));
}

/** What was done to one run. */
export class Interruptions {
  readonly reason = new Error('called off');
  readonly #stage: Stage;
  readonly #controller = new AbortController();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #kills: Promise<void>[] = [];
  #waiting: readonly Interruption[];
  #killed = 0;

  constructor(stage: Stage, drawn: readonly Interruption[]) {
    this.#stage = stage;
    this.#waiting = drawn.filter(({ afterRows }) => afterRows !== undefined);
    for (const one of drawn) {
      if (one.afterMs !== undefined) this.#timers.push(setTimeout(() => this.#do(one), one.afterMs));
    }
    this.gave(0);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.signal.aborted;
  }

  /** How many processes were killed: as many items, calls or participants may be lost. */
  get killed(): number {
    return this.#killed;
  }

  /** So many results were given. */
  gave(rows: number): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter(({ afterRows = 0 }) => afterRows <= rows);
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    for (const one of due) this.#do(one);
  }

  /** Nothing is done to the run any more. Gives what it left behind with the signal. */
  async end(): Promise<string | undefined> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting = [];
    await Promise.all(this.#kills);
    const listeners = getEventListeners(this.signal, 'abort').length;
    return listeners === 0 ? undefined : `${listeners} listeners were left on the signal`;
  }

  #do({ kind, victim }: Interruption): void {
    if (kind === 'kill') this.#kills.push(this.#kill(victim));
    else {
      this.#stage.count('signals aborted');
      this.#controller.abort(this.reason);
    }
  }

  async #kill(victim: number): Promise<void> {
    const all = await this.#stage.client.activity();
    const pids = all.flatMap(({ name, pid }) => (name === this.#stage.name && pid !== null ? [pid] : []));
    const pid = pids[Math.floor(victim * pids.length)];
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGKILL');
      this.#killed += 1;
      this.#stage.count('processes killed');
    } catch {
      // It is gone already.
    }
  }
}

/** How a run over rows or results ended. */
export type Ending =
  | { readonly how: 'complete' }
  /** Its reader left it. */
  | { readonly how: 'left' }
  | { readonly how: 'failed'; readonly error: unknown };

export interface Taken<T> {
  readonly rows: readonly T[];
  readonly ending: Ending;
}

/** Takes rows, all of them or as many as are wanted. */
export async function take<T>(
  run: AsyncIterable<T>,
  leaveAfter: number | undefined,
  interruptions: Interruptions,
): Promise<Taken<T>> {
  const rows: T[] = [];
  try {
    for await (const row of run) {
      rows.push(row);
      interruptions.gave(rows.length);
      if (rows.length === leaveAfter) return { rows, ending: { how: 'left' } };
    }
    return { rows, ending: { how: 'complete' } };
  } catch (error) {
    return { rows, ending: { how: 'failed', error } };
  }
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error)}`;
  const { code } = error as { readonly code?: unknown };
  return `${error.name}${code === undefined ? '' : ` (${String(code)})`}: ${error.stack ?? error.message}`;
}
