/**
 * One client of the chaos: does what comes into its mind, watches everything it hears for gaps, and knows at any time
 * which of its waits have not ended. Errors are part of its life; only what must never be is a finding.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackgroundWorkerHandle, Client, RegisterOptions, WorkerEvent } from '../../../src/index.js';
import { BgworkerError } from '../../../src/index.js';
import { fixtureUrl } from './fixtures.js';
import type { Random } from './random.js';

export interface Tally {
  readonly counts: Record<string, number>;
  readonly findings: string[];
}

const MAX_HANDLES = 12;

export class Actor {
  readonly #client: Client;
  readonly #tally: Tally;
  readonly #random: Random;
  readonly #waits = new Map<symbol, string>();
  readonly #handles: BackgroundWorkerHandle[] = [];

  constructor(client: Client, tally: Tally, random: Random) {
    this.#client = client;
    this.#tally = tally;
    this.#random = random;
  }

  get waiting(): number {
    return this.#waits.size;
  }

  hung(): readonly string[] {
    return [...this.#waits.values()];
  }

  async actUntil(endAt: number): Promise<void> {
    void this.#watch('subscription', this.#listen());
    while (performance.now() < endAt && this.#client.closed === null) {
      void this.#act();
      await sleep(5 + 40 * this.#random());
    }
  }

  #act(): Promise<unknown> {
    const dice = this.#random();
    const handle = this.#handles[Math.floor(this.#random() * this.#handles.length)];
    if (dice < 0.35 || handle === undefined) return this.#watch('register', this.#register());
    if (dice < 0.45) return this.#watch('terminate', handle.terminate(this.#patience()));
    if (dice < 0.5) return this.#watch('restart', handle.restart());
    if (dice < 0.6)
      return this.#watch(
        `startup of ${handle.name}`,
        this.#impatient((signal) => handle.waitForStartup({ signal })),
      );
    if (dice < 0.7)
      return this.#watch(
        `death of ${handle.name}`,
        this.#impatient((signal) => handle.waitForShutdown({ until: 'nextDeath', signal })),
      );
    if (dice < 0.8) return this.#watch(`talk with ${handle.name}`, this.#talk(handle));
    if (dice < 0.9) return this.#watch('getPid', handle.getPid());
    if (dice < 0.95) return this.#watch('activity', this.#client.activity());
    return this.#watch(
      'run',
      this.#impatient((signal) => this.#module.run('idle', undefined, { signal })),
    );
  }

  async #register(): Promise<void> {
    const [name, arg] = this.#pick<readonly [string, unknown]>([
      ['idle', undefined],
      ['busy', undefined],
      ['stubborn', undefined],
      ['family', undefined],
      ['answer', undefined],
      ['echo', 'word'],
      ['fail', 'as it was told to'],
      ['end', { code: 2 }],
    ]);
    const handle = await this.#module.tryRegister(name, arg, this.#options());
    if (handle === null) {
      this.#count('registrations refused');
      return;
    }
    this.#handles.push(handle);
    if (this.#handles.length > MAX_HANDLES) {
      const [oldest] = this.#handles.splice(0, 1);
      // Nobody else would end it.
      void this.#watch('terminate the oldest', oldest?.terminate({ timeoutMs: 0 }) ?? Promise.resolve());
    }
    // Each of these must be answered before all is over, whatever happens.
    void this.#watch(`end of ${name} ${handle.id}`, handle.waitForShutdown());
    void this.#watch(`result of ${name} ${handle.id}`, handle.result());
    void this.#watch(`events of ${name} ${handle.id}`, this.#follow(handle));
  }

  #options(): RegisterOptions {
    const isRestarted = this.#random() < 0.4;
    return {
      lifetime: this.#pick(['postmaster', 'client']),
      terminateTimeoutMs: this.#pick([0, 50, 500]),
      maxRunMs: this.#pick([null, null, 300, 2_000]),
      crashGroup: this.#pick([null, null, 'one', 'two']),
      nice: this.#pick([0, 5]),
      attach: this.#pick([true, false]),
      ...(this.#random() < 0.3
        ? { name: this.#pick(['red', 'blue']), ifNameTaken: this.#pick(['replace', 'useIt'] as const) }
        : {}),
      ...(isRestarted
        ? { restart: this.#pick(['onFailure', 'always'] as const), restartTimeMs: this.#pick([0, 20, 200]) }
        : {}),
    };
  }

  async #talk(handle: BackgroundWorkerHandle): Promise<void> {
    await this.#impatient(async (signal) => {
      const channel = handle.channel;
      const sent = `${handle.id} ${this.#random()}`;
      // Only an `answer` reads it; to all others it is said in vain.
      if (handle.name !== 'answer') return;
      await channel.send(sent);
      const { value, done } = await channel.receive({ signal });
      if (done !== true && typeof value !== 'string') this.#tally.findings.push(`torn message: ${String(value)}`);
    });
  }

  /** One handle's events: the numbers of starts and deaths only rise, a gap is said, and the last word is the last. */
  async #follow(handle: BackgroundWorkerHandle): Promise<void> {
    let last: WorkerEvent | undefined;
    for await (const event of handle) {
      const problem = last === undefined ? undefined : whatIsWrong(last, event);
      if (problem !== undefined) this.#tally.findings.push(`${handle.id}: ${problem}`);
      last = event;
      this.#count('events heard');
    }
    if (last?.final !== true) this.#tally.findings.push(`${handle.id}: no last word`);
  }

  async #listen(): Promise<void> {
    for await (const _ of this.#client.subscribe()) this.#count('events heard by subscription');
  }

  /** Sometimes the caller gives up, which is his affair alone. */
  #impatient<T>(wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return wait(AbortSignal.timeout(Math.floor(1_000 * this.#random())));
  }

  #patience(): { readonly timeoutMs?: number } {
    return this.#random() < 0.5 ? {} : { timeoutMs: Math.floor(100 * this.#random()) };
  }

  async #watch(what: string, wait: Promise<unknown>): Promise<void> {
    const key = Symbol(what);
    this.#waits.set(key, what);
    this.#count('waits');
    try {
      await wait;
    } catch (error) {
      const isExpected = error instanceof BgworkerError || (error instanceof Error && error.name === 'TimeoutError');
      if (!isExpected) this.#tally.findings.push(`${what}: ${error instanceof Error ? error.stack : String(error)}`);
      this.#count(`ended with ${error instanceof BgworkerError ? error.code : (error as Error).name}`);
    } finally {
      this.#waits.delete(key);
    }
  }

  get #module() {
    return this.#client.module(fixtureUrl('workers.mjs'));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }

  #count(what: string): void {
    this.#tally.counts[what] = (this.#tally.counts[what] ?? 0) + 1;
  }
}

function whatIsWrong(last: WorkerEvent, next: WorkerEvent): string | undefined {
  const steps = `from ${last.attempts} starts and ${last.deaths} deaths to ${next.attempts} and ${next.deaths}`;
  if (last.final) return 'an event behind the last word';
  if (next.attempts < last.attempts || next.deaths < last.deaths) return `out of order ${steps}`;
  const isGap = next.attempts > last.attempts + 1 || next.deaths > last.deaths + 1;
  return isGap && next.missed === 0 ? `lost in silence ${steps}` : undefined;
}
