/**
 * The lives of a postmaster, one after the other: each is a row of random steps, then calm, in which whatever is pending
 * must come to its end, then the end. The same seed gives the same lives.
 */
import type { BackgroundWorker, WorkerKey } from '../../src/core/index.js';
import { sparesActivity } from '../../src/core/index.js';
import type { Fact } from '../../src/postmaster/fact.js';
import { LONGEST_REST_MS, LONGEST_STOP_MS, randomLimits, randomWorker } from './definitions.js';
import { randomMemoryFact } from './memoryLife.js';
import type { Random } from './random.js';
import { randomFrom } from './random.js';
import { expect } from './violation.js';
import { World } from './world.js';

export interface Failure {
  readonly error: unknown;
  readonly step: number;
  readonly life: number;
  readonly events: readonly object[];
}

/** Gives undefined when every promise was kept. */
export function simulate(seed: number, steps: number): Failure | undefined {
  const random = randomFrom(seed);
  for (let done = 0, life = 1; done < steps; life += 1) {
    const world = new World(random, randomLimits(random), `e${life}`);
    try {
      new Life(random, world).run(Math.min(steps - done, 50 + random.below(4_000)));
    } catch (error) {
      return { error, step: done + world.steps, life, events: world.events };
    }
    done += world.steps;
  }
  return undefined;
}

const MAX_CLIENTS = 6;

class Life {
  readonly #random: Random;
  readonly #world: World;
  #clients = 0;
  #requests = 0;
  #keys = 0;

  constructor(random: Random, world: World) {
    this.#random = random;
    this.#world = world;
  }

  run(steps: number): void {
    const world = this.#world;
    world.tell({ type: 'postmasterStarted', workers: this.#list(), spares: this.#random.chance(0.5) });
    while (world.steps < steps && !world.witness.hasExited) this.#step();
    this.#comeToAnEnd();
  }

  #list(): BackgroundWorker[] {
    return Array.from({ length: this.#random.below(5) }, () => ({
      ...randomWorker(this.#random),
      name: `n${this.#random.below(6)}`,
      class: 'default',
      lifetime: 'postmaster' as const,
      // One that never comes to be ready would rightly keep all others waiting.
      maxRunMs: null,
    }));
  }

  /** Some of the list stays as it was, so that there is something to leave alone. */
  #listAgain(): BackgroundWorker[] {
    const kept = this.#world.state.listed.filter(() => this.#random.chance(0.6)).map(({ worker }) => worker);
    return [...kept, ...(this.#random.chance(0.7) ? this.#list() : [])];
  }

  #step(): void {
    const random = this.#random;
    const world = this.#world;
    const dice = random.next();
    if (dice < 0.2 && world.starts.length > 0) return world.answerStart();
    if (dice < 0.55 && world.processes.length > 0) return world.moveProcess(random.pick(world.processes));
    if (dice < 0.58 && world.yard.spares.length > 0) return world.moveYard();
    if (dice < 0.6 && world.measurements.length > 0) return world.answerMeasurement();
    if (dice < 0.7)
      return random.chance(0.02) ? world.jump(random.below(100_000)) : world.letTimePass(random.below(2_000));
    if (dice < 0.72 && world.past.length > 0) return this.#tellOldNews();
    if (dice < 0.721)
      return world.tell({ type: 'limitsReloaded', limits: randomLimits(random), spares: random.chance(0.3) });
    if (dice < 0.7213) return world.tell({ type: 'listReloaded', workers: this.#listAgain() });
    if (dice < 0.7218) {
      const mode = random.pick(['smart', 'smart', 'fast', 'immediate'] as const);
      const graceMs = random.pick([null, 0, 100, 10_000]);
      return world.tell({ type: 'shutdownRequested', mode, graceMs, uncounted: null });
    }
    this.#clientDoes();
  }

  /** What is left of an attempt that is over changes nothing. */
  #tellOldNews(): void {
    const { past, state } = this.#world;
    const attempt = this.#random.pick(past);
    if (this.#random.chance(0.2)) return this.#world.tell(this.#world.yard.oldNews(this.#random));
    this.#world.tell(
      this.#random.pick<Fact>([
        { type: 'functionEntered', ...attempt },
        { type: 'channelLost', ...attempt },
        { type: 'workerSaid', ...attempt, saying: { word: 'returned', asked: false, result: null } },
        { type: 'memoryMeasured', ...attempt, rssBytes: Number.MAX_SAFE_INTEGER },
      ]),
    );
    const { slots } = this.#world.state;
    const starts = state.slots.dueAt <= this.#world.now;
    expect(starts || slots === state.slots, 'old news changes nothing');
  }

  #clientDoes(): void {
    const random = this.#random;
    const { clients } = this.#world.witness;
    if (clients.size === 0 || (clients.size < MAX_CLIENTS && random.chance(0.05))) return this.#connect();
    const client = random.chance(0.01) ? 999_999 : random.pick([...clients.keys()]);
    const isBlocked = clients.get(client)?.blocked === true;
    this.#requests += 1;
    const request = this.#requests;
    if (random.chance(0.25))
      return this.#world.tell(randomMemoryFact(random, client, request, this.#world.witness.memory));
    const dice = random.next();
    const tell = (fact: Fact): void => this.#world.tell(fact);
    if (dice < 0.03) return tell({ type: 'clientGone', client });
    if (dice < 0.12) return tell({ type: isBlocked && random.chance(0.7) ? 'clientDrained' : 'clientBlocked', client });
    if (dice < 0.55) return this.#register(client, request);
    if (dice < 0.57) return tell({ type: 'requestWithdrawn', client, request: 1 + random.below(request) });
    if (dice < 0.62) return tell({ type: 'statusRequested', client, request, ...this.#anyKey() });
    if (dice < 0.7) return tell({ type: 'watchRequested', client, request, ...this.#anyKey() });
    if (dice < 0.73) return tell({ type: 'watchEnded', client, ...this.#anyKey() });
    if (dice < 0.75) return tell({ type: 'watchAllRequested', client, request });
    if (dice < 0.77) return tell({ type: 'watchAllEnded', client });
    if (dice < 0.88) return tell({ type: 'restartRequested', client, request, ...this.#anyKey() });
    const timeoutMs = random.pick([null, null, 0, 100, LONGEST_STOP_MS]);
    tell({ type: 'terminationRequested', client, request, timeoutMs, ...this.#anyKey() });
  }

  #connect(): void {
    this.#clients += 1;
    const { processes } = this.#world;
    const home = processes.length > 0 && this.#random.chance(0.3) ? this.#random.pick(processes).attempt : null;
    const worker = home === null ? null : { slot: home.slot, generation: home.generation };
    this.#world.tell({ type: 'clientConnected', client: this.#clients, worker });
  }

  #register(client: number, request: number): void {
    const random = this.#random;
    if (this.#keys === 0 || random.chance(0.95)) this.#keys += 1;
    // Now and then a key again: the connection broke before the answer came.
    const key = `k${random.chance(0.95) ? this.#keys : 1 + random.below(this.#keys)}`;
    const worker = randomWorker(random);
    this.#world.tell({ type: 'registrationRequested', client, request, key, worker, waitForSlot: random.chance(0.5) });
  }

  #anyKey(): WorkerKey {
    const random = this.#random;
    const { live, ended } = this.#world.witness;
    if (live.size > 0 && random.chance(0.8)) return random.pick([...live.values()]).key;
    const strange: WorkerKey[] = [
      { slot: 999, generation: 1 },
      { slot: -1, generation: 1 },
      { slot: 0.5, generation: 1 },
      { slot: 0, generation: 0 },
      { slot: 0, generation: 1_000_000 },
      { slot: 0, generation: 1 },
    ];
    const last = [...ended.values()].slice(-10).map(({ slot, generation }) => ({ slot, generation }));
    return random.pick([...strange, ...last, ...last]);
  }

  /** Faults stop and time goes on: everybody who may run runs, then everybody ends, and everything is answered. */
  #comeToAnEnd(): void {
    const world = this.#world;
    const { witness } = world;
    world.beCalm();
    for (const client of witness.clients.keys()) world.tell({ type: 'clientDrained', client });
    if (!witness.isStopping) this.#letAllRun();
    if (this.#random.chance(0.5)) this.#terminateAll();
    if (!witness.hasExited) world.tell({ type: 'shutdownRequested', mode: 'fast', graceMs: null, uncounted: null });
    this.#until(() => witness.hasExited, 'a shutdown comes to its end');
    world.check();
    const left = world.processes.length + world.starts.length + world.yard.spares.length;
    expect(left === 0, 'no process is left behind');
    expect(witness.open === 0, 'every question is answered');
  }

  #letAllRun(): void {
    const { witness } = this.#world;
    const isRunning = (): boolean =>
      [...witness.live.values()].every(({ key, leaving, worker }) => {
        if (leaving) return false;
        // It comes and goes for ever.
        if (worker.maxRunMs !== null) return true;
        const process = this.#world.processes.find(({ attempt }) => attempt.slot === key.slot);
        return process !== undefined && process.steps >= 3 && (worker.readiness === 'implicit' || process.isReady);
      });
    this.#until(() => witness.isStopping || isRunning(), 'whoever may run comes to run');
  }

  #terminateAll(): void {
    const world = this.#world;
    const { witness } = world;
    if (witness.hasExited || witness.isStopping) return;
    this.#connect();
    const client = this.#clients;
    // Whoever waits for a slot moves in meanwhile, and has to be ended too.
    this.#until(() => {
      for (const { key, leaving } of [...witness.live.values()]) {
        if (leaving || !witness.live.has(`${key.slot}:${key.generation}`)) continue;
        this.#requests += 1;
        world.tell({ type: 'terminationRequested', client, request: this.#requests, timeoutMs: null, ...key });
      }
      return witness.live.size === 0;
    }, 'whoever is terminated ends');
    expect(world.state.slots.dueAt === Number.POSITIVE_INFINITY, 'nothing is due when nobody is there');
    this.#until(() => {
      const { wanted, idle, booting } = sparesActivity(world.state, world.now);
      return idle === wanted && booting === 0;
    }, 'there are as many spares as are wanted');
  }

  #until(isOver: () => boolean, promise: string): void {
    const world = this.#world;
    const deadline = world.now + 4 * LONGEST_REST_MS;
    while (!isOver()) {
      expect(world.now < deadline, promise);
      while (world.starts.length > 0) world.answerStart();
      while (world.measurements.length > 0) world.answerMeasurement();
      for (const _ of [...world.yard.spares]) if (world.yard.spares.length > 0) world.moveYard();
      for (const process of [...world.processes]) if (world.processes.includes(process)) world.moveProcess(process);
      world.letTimePass(500);
    }
  }
}
