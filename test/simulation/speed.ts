/**
 * `node dist/test/simulation/speed.js`: how many transitions a second the core makes, at 1,000 and at 10,000 slots, with
 * the invariants of touched slots on, as they are in production.
 *
 * The mix is a worker's ordinary life: registered, forked, runtime, module, function entered, said that it returned,
 * exited. All slots but one are taken by workers that run on; measured once with the one free slot at the end and once
 * with ends and registrations at random slots. The rounds of all rows are interleaved; the figure is their median.
 */
import type { BackgroundWorker, Event, State } from '../../src/core/index.js';
import { completeBackgroundWorker, initialState, transition } from '../../src/core/index.js';
import { defaultLimits } from '../../src/core/limits.js';
import { randomFrom } from './random.js';

type Fact = Event extends infer E ? (E extends Event ? Omit<E, 'at'> : never) : never;

const ROUNDS = 9;
const ROUND_MS = 400;
const CLIENT = 1;

/** Made beforehand: that is the client's work. */
const DEFINITIONS = Array.from({ length: 5_000 }, (_, n) =>
  completeBackgroundWorker({ name: `w${n}`, module: 'file:///w.js', cwd: '/' }),
);

class World {
  state: State;
  transitions = 0;
  #requests = 0;
  readonly #generations: number[] = [];
  readonly #random = randomFrom(7);
  readonly #slots: number;

  constructor(slots: number) {
    this.#slots = slots;
    this.state = initialState('speed', { ...defaultLimits(slots), maxStartsPerPass: Number.MAX_SAFE_INTEGER });
    this.apply({ type: 'clientConnected', client: CLIENT, worker: null });
    for (let slot = 0; slot < slots - 1; slot += 1) this.start();
  }

  apply(fact: Fact): void {
    const { state, effects } = transition(this.state, { at: this.transitions, ...fact } as Event);
    this.state = state;
    this.transitions += 1;
    for (const effect of effects) {
      if (effect.type === 'startWorker') this.#generations[effect.slot] = effect.generation;
    }
  }

  /** Five transitions. Gives the slot. */
  start(): number {
    this.#requests += 1;
    const worker = DEFINITIONS[this.#requests % DEFINITIONS.length] as BackgroundWorker;
    const slot = this.state.slots.firstFree();
    this.apply({
      type: 'registrationRequested',
      client: CLIENT,
      request: this.#requests,
      key: `k${this.#requests}`,
      worker,
      waitForSlot: false,
    });
    const attempt = this.#attempt(slot);
    this.apply({ type: 'workerForked', ...attempt, pid: 1 + this.#requests });
    this.apply({ type: 'runtimeUp', ...attempt });
    this.apply({ type: 'moduleLoading', ...attempt });
    this.apply({ type: 'functionEntered', ...attempt });
    return slot;
  }

  /** Two transitions. */
  end(slot: number): void {
    const attempt = this.#attempt(slot);
    this.apply({ type: 'workerSaid', ...attempt, saying: { word: 'returned', asked: false, result: null } });
    const facts = { code: 0, signal: null, output: '', outOfMemory: false, jitter: 0.5 };
    this.apply({ type: 'workerExited', ...attempt, ...facts });
  }

  lifeAtTheEnd(): void {
    this.end(this.start());
  }

  lifeAnywhere(): void {
    this.start();
    this.end(this.#random.below(this.#slots));
  }

  #attempt(slot: number): { slot: number; generation: number; attempt: number } {
    return { slot, generation: this.#generations[slot] ?? 0, attempt: 1 };
  }
}

const rows = [1_000, 10_000].flatMap((slots) => {
  const end = new World(slots);
  const anywhere = new World(slots);
  return [
    { slots, where: 'the last slot', world: end, life: () => end.lifeAtTheEnd(), rates: [] as number[] },
    { slots, where: 'random slots', world: anywhere, life: () => anywhere.lifeAnywhere(), rates: [] as number[] },
  ];
});

for (let round = 0; round < ROUNDS; round += 1) {
  for (const { world, life, rates } of rows) {
    const before = world.transitions;
    const started = performance.now();
    while (performance.now() - started < ROUND_MS) for (let n = 0; n < 50; n += 1) life();
    rates.push(((world.transitions - before) / (performance.now() - started)) * 1_000);
  }
}

for (const { slots, where, rates } of rows) {
  const sorted = rates.slice(1).sort((one, other) => one - other);
  const median = sorted[sorted.length >> 1] ?? 0;
  const best = sorted.at(-1) ?? 0;
  process.stdout.write(
    `${slots} slots, ${where}: ${Math.round(median / 1_000)},000/s (best ${Math.round(best / 1_000)},000/s)\n`,
  );
}
