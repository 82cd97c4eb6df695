/**
 * The promises about processes: one attempt at a time, none after being told to stop for good, none before whoever must
 * be up or gone is; signals for living processes only, once each; nobody outlives his time; a crash takes its group
 * with it, and nobody of the group starts before it is down.
 */
import type { AttemptKey, BackgroundWorker, ClientId, Effect, Event, WorkerKey } from '../../src/core/index.js';
import { formatKey } from '../../src/core/index.js';
import { LONGEST_STOP_MS, LONGEST_TAKE_MS } from './definitions.js';
import { expect } from './violation.js';

export interface WorkerRecord {
  readonly key: WorkerKey;
  readonly worker: BackgroundWorker;
  readonly registrant: { client: ClientId | null };
  attempts: number;
  underWay: boolean;
  process: ProcessRecord | null;
  /** Told to stop for good. */
  leaving: boolean;
  /** Of the same name, and to be gone before another one starts. */
  replaced: boolean;
  /** By key. */
  readonly successorOf: readonly string[];
  restartPromised: boolean;
  /** Its spare was lost before it took the job: the same attempt goes on with a new process. */
  awaitsProcess: boolean;
}

interface ProcessRecord {
  readonly pid: number;
  readonly forkedAt: number;
  askedAt: number | null;
  killed: boolean;
  /** A spare that was given the job and has not taken it. */
  isSpare: boolean;
  /** A spare that was killed for not taking it, which is no stop. */
  isLost: boolean;
  entered: boolean;
  /** When it said its last word. */
  saidAt: number | null;
}

type EventOf<Type extends Event['type']> = Extract<Event, { type: Type }>;

export class ProcessWatch {
  /** Workers that hold a slot. */
  readonly live = new Map<string, WorkerRecord>();
  /** Workers for which those that start later wait. */
  readonly #early = new Set<string>();
  /** By crash group: the attempts that must be over before anybody of it starts. */
  readonly #goingDown = new Map<string, Set<string>>();
  /** When everybody must have been killed, as the shutdown's own limit has it. */
  #graceOverAt = Number.POSITIVE_INFINITY;
  /** The worker and process whose exit is about to be told. */
  #dying: { readonly worker: BackgroundWorker; readonly process: ProcessRecord | null } | null = null;

  /** `successorOf`: these have to be gone before it starts. */
  moveIn(
    key: WorkerKey,
    worker: BackgroundWorker,
    client: ClientId | null,
    isEarly: boolean,
    successorOf: readonly WorkerRecord[],
  ): void {
    const { slot, generation } = key;
    for (const other of successorOf) {
      this.leaves(other);
      other.replaced = true;
    }
    const flags = { underWay: false, leaving: false, replaced: false, restartPromised: false, awaitsProcess: false };
    const registrant = { client };
    this.live.set(formatKey(key), {
      key: { slot, generation },
      worker,
      registrant,
      successorOf: successorOf.map((other) => formatKey(other.key)),
      attempts: 0,
      process: null,
      ...flags,
    });
    if (isEarly) this.#early.add(formatKey(key));
  }

  moveOut(key: WorkerKey): WorkerRecord {
    const worker = this.find(key);
    expect(worker.process === null && !worker.underWay, 'who ends has no process');
    expect(!worker.restartPromised, 'who was promised a restart gets it');
    this.live.delete(formatKey(key));
    this.#early.delete(formatKey(key));
    return worker;
  }

  find(key: WorkerKey): WorkerRecord {
    const worker = this.live.get(formatKey(key));
    expect(worker !== undefined, 'an order is about a worker that is there');
    return worker;
  }

  leaves(worker: WorkerRecord): void {
    worker.leaving = true;
    worker.restartPromised = false;
  }

  // --- what happens to processes ---

  forked(event: EventOf<'workerForked'>): void {
    const { pid, at: forkedAt } = event;
    this.find(event).process = newProcess(pid, forkedAt, false);
  }

  heard(event: EventOf<'functionEntered' | 'readyReported' | 'workerSaid'>): void {
    const worker = this.live.get(formatKey(event));
    if (worker?.process == null || worker.attempts !== event.attempt) return;
    if (event.type === 'workerSaid') {
      if (!worker.process.isSpare) worker.process.saidAt ??= event.at;
      return;
    }
    worker.process.entered = true;
    const isUp = event.type === 'readyReported' || worker.worker.readiness === 'implicit';
    if (isUp) this.#early.delete(formatKey(event));
  }

  /** An attempt is over: the host says so just before it tells the core. */
  attemptEnds(key: AttemptKey): void {
    const worker = this.find(key);
    this.#dying = { worker: worker.worker, process: worker.process };
    for (const attempts of this.#goingDown.values()) attempts.delete(nameOf(worker));
    worker.process = null;
    worker.underWay = false;
  }

  /** A crash beyond doubt takes its group down: whoever of it is under way must be over before anybody starts. */
  died({ signal }: EventOf<'workerExited'>): void {
    const { worker, process } = this.#dying ?? {};
    const group = worker?.crashGroup ?? null;
    if (group === null || process == null || signal !== 'SIGSEGV' || !process.entered || process.saidAt !== null)
      return;
    if (process.killed || process.askedAt !== null) return;
    const down = this.#goingDown.get(group) ?? new Set();
    for (const other of this.live.values()) {
      if (other.worker.crashGroup === group && other.underWay) down.add(nameOf(other));
    }
    this.#goingDown.set(group, down);
  }

  /** Gives whether that was the end of the attempt: it is when it had been ordered to stop, told of it or not. */
  spareLost(key: AttemptKey, isStopped: boolean): boolean {
    const worker = this.find(key);
    const { process } = worker;
    expect(process !== null, 'a spare that was given a job is its process');
    expect(isStopped || (process.askedAt === null && !process.killed), 'who was asked is to stop');
    if (isStopped) {
      this.attemptEnds(key);
      return true;
    }
    worker.process = null;
    worker.awaitsProcess = true;
    return false;
  }

  // --- what is ordered ---

  given(effect: Extract<Effect, { type: 'giveJob' }>, pid: number, at: number): void {
    this.started(effect);
    this.find(effect).process = newProcess(pid, at, true);
  }

  /** Gives whether it is a new attempt. */
  started({ type, attempt, ...key }: Extract<Effect, { type: 'startWorker' | 'giveJob' }>): boolean {
    const worker = this.find(key);
    if (worker.awaitsProcess) {
      expect(type === 'startWorker' && attempt === worker.attempts, 'who lost a spare gets a process of its own');
      worker.awaitsProcess = false;
      return false;
    }
    expect(!worker.underWay, 'one attempt at a time');
    expect(attempt === worker.attempts + 1, 'attempts are counted one by one');
    expect(!worker.leaving, 'who is to stop for good is not started');
    this.#mayStart(worker);
    worker.attempts += 1;
    worker.underWay = true;
    worker.restartPromised = false;
    return true;
  }

  #mayStart({ worker, attempts, successorOf }: WorkerRecord): void {
    expect(worker.startTime !== 'afterEarly' || this.#early.size === 0, 'the early workers are up before the others');
    const { crashGroup } = worker;
    const isDown = crashGroup === null || (this.#goingDown.get(crashGroup)?.size ?? 0) === 0;
    expect(isDown, 'a group is down before anybody of it starts');
    if (attempts > 0) return;
    for (const other of successorOf) expect(!this.live.has(other), 'who is replaced is gone before the new one starts');
  }

  askedToStop(effect: Extract<Effect, { type: 'askToStop' }>, at: number): void {
    const { process } = this.find(effect);
    expect(process?.pid === effect.pid, 'only a process that is there is asked to stop');
    expect(process.askedAt === null && !process.killed, 'it is asked once, and not when it is killed');
    process.askedAt = at;
  }

  taken(event: EventOf<'moduleLoading'>): void {
    const worker = this.live.get(formatKey(event));
    if (worker?.process != null && worker.attempts === event.attempt) worker.process.isSpare = false;
  }

  killed(effect: Extract<Effect, { type: 'killWorker' }>, isStop: boolean): void {
    const { process } = this.find(effect);
    expect(process?.pid === effect.pid, 'only a process that is there is killed');
    expect(!process.killed && !process.isLost, 'it is killed once');
    if (isStop || !process.isSpare) process.killed = true;
    else process.isLost = true;
  }

  // --- what must hold ---

  limitGrace(at: number, graceMs: number | null): void {
    if (graceMs !== null) this.#graceOverAt = Math.min(this.#graceOverAt, at + graceMs);
  }

  checkGroups(): void {
    for (const attempts of this.#goingDown.values()) {
      if (attempts.size === 0) continue;
      for (const worker of this.live.values()) {
        const { process } = worker;
        const isMeant = process !== null && attempts.has(nameOf(worker));
        expect(!isMeant || process.killed || process.isLost, 'a crash takes its group with it');
      }
    }
  }

  checkTimes(at: number): void {
    for (const { worker, process } of this.live.values()) {
      if (process === null || process.killed || process.isLost) continue;
      const isLate = process.isSpare && process.askedAt === null && at >= process.forkedAt + LONGEST_TAKE_MS;
      expect(!isLate, 'a spare that does not take its job is not waited for');
      if (process.askedAt !== null) {
        const killBy = Math.min(process.askedAt + LONGEST_STOP_MS, this.#graceOverAt);
        expect(at < killBy, 'who does not obey is killed');
        continue;
      }
      if (process.saidAt !== null) {
        expect(at < process.saidAt + LONGEST_STOP_MS, 'who has said its last word has to end');
        continue;
      }
      const { maxRunMs } = worker;
      expect(maxRunMs === null || process.forkedAt + maxRunMs > at, 'who runs too long is asked to stop');
    }
  }
}

function newProcess(pid: number, forkedAt: number, isSpare: boolean): ProcessRecord {
  return { pid, forkedAt, askedAt: null, killed: false, isSpare, isLost: false, entered: false, saidAt: null };
}

function nameOf({ key, attempts }: WorkerRecord): string {
  return `${formatKey(key)}:${attempts}`;
}
