/**
 * The world around the core: a host that performs its effects at leisure, processes that obey or do not, clients that
 * ask, stop reading and die, and a clock. What happens next is chance; after `beCalm` nobody fails any more, everybody
 * obeys who ever did, and only time goes on.
 */
import type {
  AttemptKey,
  BackgroundWorker,
  Effect,
  Event,
  ExitFacts,
  Limits,
  Saying,
  State,
} from '../../src/core/index.js';
import { checkState, initialState, nextWakeupAt, tenantOf, transition } from '../../src/core/index.js';
import type { Fact } from '../../src/postmaster/fact.js';
import { MEMORY_LIMIT_BYTES } from './definitions.js';
import type { Random } from './random.js';
import { SpareYard } from './spareYard.js';
import { expect } from './violation.js';
import { Witness } from './witness.js';

export interface Process {
  readonly attempt: AttemptKey;
  readonly worker: BackgroundWorker;
  readonly pid: number;
  readonly obeys: boolean;
  /** Facts of its start that were told. */
  steps: number;
  /** A spare that was given the job and has not taken it. */
  isSpare: boolean;
  isReady: boolean;
  hasSaid: boolean;
  isAsked: boolean;
  isKilled: boolean;
}

const CHECK_EVERY = 32;
const EVENTS_REMEMBERED = 40;

export class World {
  now = 0;
  state: State;
  steps = 0;
  readonly witness: Witness;
  readonly starts: { readonly attempt: AttemptKey; readonly worker: BackgroundWorker }[] = [];
  readonly processes: Process[] = [];
  readonly yard = new SpareYard();
  readonly measurements: AttemptKey[] = [];
  /** Attempts that are over: what is left of them may still be told. */
  readonly past: AttemptKey[] = [];
  readonly events: Event[] = [];
  readonly #random: Random;
  #isCalm = false;
  #pids = 100;

  constructor(random: Random, limits: Limits, epoch: string) {
    this.#random = random;
    this.state = initialState(epoch, limits);
    this.witness = new Witness(limits);
  }

  get isCalm(): boolean {
    return this.#isCalm;
  }

  beCalm(): void {
    this.#isCalm = true;
  }

  tell(fact: Fact): void {
    const event = { at: this.now, ...fact } as Event;
    if (this.events.push(event) > EVENTS_REMEMBERED) this.events.shift();
    const before = this.state;
    const { state, effects } = transition(before, event);
    this.state = state;
    this.steps += 1;
    const isListed = state.listed !== before.listed;
    const placed = isListed ? this.witness.meetListed(before, state, event.type === 'postmasterStarted') : [];
    this.witness.see(event, effects, state);
    for (const worker of placed) this.witness.checkLimits(worker);
    for (const effect of effects) this.#perform(effect);
    const hasRoom = effects.some(({ type }) => type === 'workerEnded') || event.type === 'limitsReloaded';
    if (this.steps % CHECK_EVERY === 0) this.check();
    else if (hasRoom) this.#checkWaiting();
  }

  check(): void {
    checkState(this.state);
    for (const client of this.witness.clients.values()) client.check(this.state);
    this.#checkWaiting();
  }

  /** To be given the limits that it has changes nothing: whoever can be served has been. */
  #checkWaiting(): void {
    if (this.state.waiting.length === 0) return;
    const again = transition(this.state, {
      type: 'limitsReloaded',
      at: this.now,
      limits: this.state.limits,
      spares: false,
    });
    expect(!again.effects.some(({ type }) => type === 'reply'), 'nobody waits for a slot that is there');
  }

  /** Time goes on to the next thing that the clock brings about, or a little. */
  letTimePass(ms: number): void {
    this.now = Math.max(this.now, Math.min(this.now + ms, Math.max(nextWakeupAt(this.state), this.now + 1)));
    this.tell({ type: 'clockAdvanced' });
  }

  /** The machine slept, or was busy elsewhere. */
  jump(ms: number): void {
    this.now += ms;
    this.tell({ type: 'clockAdvanced' });
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'startWorker': {
        const { slot, generation, attempt, worker } = effect;
        this.starts.push({ attempt: { slot, generation, attempt }, worker });
        return;
      }
      case 'giveJob': {
        const { slot, generation, attempt, worker } = effect;
        const { pid, isDead: isKilled } = this.yard.given(effect);
        const flags = { obeys: this.#random.chance(0.7), steps: 0, isSpare: true, isReady: false, hasSaid: false };
        this.processes.push({
          attempt: { slot, generation, attempt },
          worker,
          pid,
          ...flags,
          isAsked: false,
          isKilled,
        });
        return;
      }
      case 'startSpare':
        return this.yard.made(effect);
      case 'endSpare':
        return this.yard.ended(effect);
      case 'askToStop':
      case 'killWorker': {
        const process = this.processes.find(({ pid }) => pid === effect.pid);
        expect(process !== undefined, 'a signal reaches a living process');
        expect(isSameAttempt(process.attempt, effect), 'a signal reaches the process it is meant for');
        if (effect.type === 'killWorker') process.isKilled = true;
        else process.isAsked = true;
        return;
      }
      case 'measureMemory': {
        const { slot, generation, attempt } = effect;
        this.measurements.push({ slot, generation, attempt });
        return;
      }
    }
  }

  /** The host comes to carry out a start. */
  answerStart(): void {
    const random = this.#random;
    const at = random.below(this.starts.length);
    const [start] = this.starts.splice(at, 1);
    if (start === undefined) return;
    const { attempt, worker } = start;
    if (!this.#isCalm && random.chance(0.1)) {
      this.#over(attempt);
      this.tell({ type: 'spawnFailed', ...attempt, errno: 'EAGAIN', what: 'make a process', jitter: random.next() });
      return;
    }
    this.#pids += 1;
    const obeys = random.chance(0.7);
    const flags = { obeys, steps: 0, isSpare: false, isReady: false, hasSaid: false, isAsked: false, isKilled: false };
    this.processes.push({ attempt, worker, pid: this.#pids, ...flags });
    this.tell({ type: 'workerForked', ...attempt, pid: this.#pids });
  }

  answerMeasurement(): void {
    const random = this.#random;
    const [attempt] = this.measurements.splice(random.below(this.measurements.length), 1);
    if (attempt === undefined) return;
    const rssBytes = this.#isCalm ? 1 : random.below(2 * MEMORY_LIMIT_BYTES);
    const process = this.processes.find((other) => isSameAttempt(other.attempt, attempt));
    this.tell({ type: 'memoryMeasured', ...attempt, rssBytes });
    const isTooMuch = rssBytes > (process?.worker.resourceLimits.maxRssBytes ?? Number.POSITIVE_INFINITY);
    expect(
      !isTooMuch || process?.isKilled === true || process?.hasSaid === true,
      'who takes too much memory is killed',
    );
  }

  /** A process lives on a little. */
  moveProcess(process: Process): void {
    const random = this.#random;
    const { attempt } = process;
    if (process.isSpare) return this.#moveSpare(process);
    if (process.isKilled) return this.#exit(process, { code: null, signal: 'SIGKILL' });
    if (process.isAsked && process.obeys && random.chance(0.5)) return this.#obey(process);
    const dice = this.#isCalm ? 0 : random.next();
    if (dice < 0.6) return this.#advance(process);
    if (dice < 0.7) return this.tell({ type: 'progressReported', ...attempt, done: random.below(10), total: null });
    if (dice < 0.8) return this.#say(process, this.#randomSaying(process));
    if (dice < 0.83) return this.tell({ type: 'channelLost', ...attempt });
    if (dice < 0.9) this.#exit(process, { code: random.pick([0, 0, 1, 7]), signal: null });
    else if (dice < 0.94) this.#exit(process, { code: null, signal: random.pick(['SIGTERM', 'SIGKILL', 'SIGSEGV']) });
  }

  moveYard(): void {
    const nextPid = (): number => {
      this.#pids += 1;
      return this.#pids;
    };
    const fact = this.yard.move(this.#random, this.#isCalm, nextPid);
    if (fact !== null) this.tell(fact);
  }

  /** It was given a job: it takes it, or is lost and nothing was done. */
  #moveSpare(process: Process): void {
    const random = this.#random;
    const { attempt } = process;
    const dice = this.#isCalm ? 0 : random.next();
    if (process.isKilled || dice > 0.9) {
      if (!this.#isCalm && random.chance(0.1)) this.tell({ type: 'sparesStale' });
      if (!this.processes.includes(process)) return;
      this.#leave(process);
      const { run } = tenantOf(this.state, attempt) ?? {};
      const isStopped = run?.state === 'up' && run.stop !== null;
      const isOver = this.witness.processes.spareLost(attempt, isStopped);
      if (isOver) this.#remember(attempt);
      const how = { code: null, signal: 'SIGKILL', output: '', outOfMemory: false, jitter: random.next() };
      return this.tell({ type: 'workerExited', ...attempt, ...how });
    }
    if (dice > 0.85) {
      this.#leave(process);
      this.#over(attempt);
      const what = 'enter the working directory';
      return this.tell({ type: 'spawnFailed', ...attempt, errno: 'ENOENT', what, jitter: random.next() });
    }
    // What it says before is no word of the worker's.
    if (dice > 0.7) return this.tell({ type: 'workerSaid', ...attempt, saying: { word: 'neverSettled' } });
    process.isSpare = false;
    process.steps = 2;
    this.tell({ type: 'moduleLoading', ...attempt });
  }

  #advance(process: Process): void {
    const { attempt, worker } = process;
    process.steps += 1;
    if (process.steps === 1) return this.tell({ type: 'runtimeUp', ...attempt });
    if (process.steps === 2) return this.tell({ type: 'moduleLoading', ...attempt });
    if (process.steps === 3) return this.tell({ type: 'functionEntered', ...attempt });
    if (process.isReady || (worker.readiness === 'implicit' && this.#random.chance(0.9))) return;
    process.isReady = true;
    this.tell({ type: 'readyReported', ...attempt });
  }

  #obey(process: Process): void {
    const returned: Saying = { word: 'returned', asked: true, result: null };
    const stopped: Saying = { word: 'stoppedAsAsked', by: 'postmaster' };
    if (!process.hasSaid) this.#say(process, this.#random.chance(0.5) ? returned : stopped);
    this.#exit(process, { code: this.#random.pick([0, 0, 143]), signal: null });
  }

  #say(process: Process, saying: Saying): void {
    process.hasSaid = true;
    this.tell({ type: 'workerSaid', ...process.attempt, saying });
  }

  #randomSaying({ steps, isAsked }: Process): Saying {
    const error = { name: 'Error', message: 'no' };
    const bytes = new Uint8Array(this.#random.below(64));
    if (steps < 3) {
      return this.#random.pick<Saying>([
        { word: 'moduleNotFound', path: '/worker.js', error },
        { word: 'moduleThrew', error },
        { word: 'exportMissing', name: 'default', exports: [] },
        { word: 'neverSettled' },
        { word: 'exiting', code: 0 },
      ]);
    }
    return this.#random.pick<Saying>([
      { word: 'returned', asked: isAsked, result: { state: 'bytes', bytes } },
      { word: 'returned', asked: false, result: null },
      { word: 'threw', error },
      { word: 'neverSettled' },
      { word: 'stoppedAsAsked', by: 'signal' },
      { word: 'exiting', code: 0 },
    ]);
  }

  #exit(process: Process, how: Pick<ExitFacts, 'code' | 'signal'>): void {
    this.#leave(process);
    this.#over(process.attempt);
    const outOfMemory = !this.#isCalm && how.signal !== null && this.#random.chance(0.05);
    this.tell({
      type: 'workerExited',
      ...process.attempt,
      ...how,
      output: '',
      outOfMemory,
      jitter: this.#random.next(),
    });
  }

  #over(attempt: AttemptKey): void {
    this.witness.processes.attemptEnds(attempt);
    this.#remember(attempt);
  }

  #leave(process: Process): void {
    this.processes.splice(this.processes.indexOf(process), 1);
  }

  #remember(attempt: AttemptKey): void {
    if (this.past.push(attempt) > 50) this.past.shift();
  }
}

function isSameAttempt(one: AttemptKey, other: AttemptKey): boolean {
  return one.slot === other.slot && one.generation === other.generation && one.attempt === other.attempt;
}
