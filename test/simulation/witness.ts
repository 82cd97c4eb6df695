/**
 * Watches the core from outside, as clients and the host see it, and says when a promise is broken. It knows the events
 * and the effects and draws its own conclusions; of the core's state it uses only what it compares with them.
 *
 * The promises: every question is answered once. Every worker that was registered ends once, is told final once, and
 * never does anything afterwards; every death is reported. Limits are kept and no slot is lost. A shutdown waits for
 * whom it must and for nobody else. What clients are told is in clientRecord.ts, what is done with processes in
 * processWatch.ts, who has which shared memory in memoryWatch.ts.
 */
import type {
  BackgroundWorker,
  ClientId,
  Effect,
  Event,
  Limits,
  MemoryEvent,
  State,
  WorkerKey,
  WorkerStatus,
} from '../../src/core/index.js';
import { formatKey, tenantOf } from '../../src/core/index.js';
import { ClientRecord } from './clientRecord.js';
import { MemoryWatch } from './memoryWatch.js';
import type { WorkerRecord } from './processWatch.js';
import { ProcessWatch } from './processWatch.js';
import { expect } from './violation.js';

export class Witness {
  readonly processes = new ProcessWatch();
  readonly memory: MemoryWatch;
  readonly clients = new Map<ClientId, ClientRecord>();
  /** Workers that ended, with the last word told of them. */
  readonly ended = new Map<string, WorkerStatus>();
  /** Those of the list that got their slot in this very transition. */
  readonly #placed = new Set<string>();
  readonly #byRegistrationKey = new Map<string, string>();
  #limits: Limits;
  #shutdown: 'none' | 'smart' | 'stopping' | 'exited' = 'none';
  #smartGraceMs: number | null = null;
  #startsInPass = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.memory = new MemoryWatch(limits);
  }

  get live(): ReadonlyMap<string, WorkerRecord> {
    return this.processes.live;
  }

  get hasExited(): boolean {
    return this.#shutdown === 'exited';
  }

  get isStopping(): boolean {
    return this.#shutdown === 'stopping' || this.hasExited;
  }

  /** Questions that wait for an answer, as some may. */
  get open(): number {
    let open = 0;
    for (const { questions } of this.clients.values()) open += questions.size;
    return open;
  }

  see(event: Event, effects: readonly Effect[], state: State): void {
    const wasKnown = !('client' in event) || event.type === 'clientConnected' || this.clients.has(event.client);
    if (wasKnown) {
      this.memory.prepare(event);
      this.#prepare(event);
    } else {
      // But for starts that were due already and did not fit into the pass before.
      const ownAccord = ['startWorker', 'giveJob', 'startSpare', 'endSpare'];
      const isNothing = effects.every(({ type }) => ownAccord.includes(type));
      expect(isNothing, 'nothing comes of what a client asks that is gone');
    }
    this.#checkSmart(event, state);
    if (event.type === 'clockAdvanced') this.#startsInPass = 0;
    if (effects.at(-1)?.type === 'exit') this.memory.beginEnd();
    for (const effect of effects) this.#look(event, effect, state);
    this.#conclude(event, effects, state);
    this.#placed.clear();
  }

  /** What the event itself changes, before the core's answer to it. */
  #prepare(event: Event): void {
    switch (event.type) {
      case 'clientConnected':
        this.clients.set(event.client, new ClientRecord(event.worker));
        return;
      case 'clientGone':
        this.clients.delete(event.client);
        for (const worker of this.#registeredBy(event.client)) {
          if (worker.worker.lifetime === 'client') this.processes.leaves(worker);
        }
        return;
      case 'clientBlocked': {
        const client = this.clients.get(event.client);
        if (client !== undefined) client.blocked = true;
        return;
      }
      case 'clientDrained':
        return this.clients.get(event.client)?.beginDraining();
      case 'limitsReloaded':
        this.#limits = event.limits;
        return;
      case 'requestWithdrawn':
      case 'listReloaded':
        return;
      case 'watchAllEnded':
        return this.clients.get(event.client)?.unwatchAll();
      case 'watchEnded':
        return this.clients.get(event.client)?.unwatch(event);
      case 'shutdownRequested':
        return this.#shutdownRequested(event);
      case 'workerForked':
        return this.processes.forked(event);
      case 'moduleLoading':
        return this.processes.taken(event);
      case 'functionEntered':
      case 'readyReported':
      case 'workerSaid':
        return this.processes.heard(event);
      case 'workerExited':
        return this.processes.died(event);
      default:
        if ('request' in event) this.clients.get(event.client)?.questions.set(event.request, event);
    }
  }

  #shutdownRequested({ mode, graceMs, at }: Extract<Event, { type: 'shutdownRequested' }>): void {
    if (mode !== 'smart') {
      if (!this.isStopping) this.#stop();
      // A shutdown that kills has no use for a grace, and none comes after it.
      return this.processes.limitGrace(at, graceMs);
    }
    if (this.#shutdown !== 'none') return;
    this.#shutdown = 'smart';
    this.#smartGraceMs = graceMs;
  }

  #checkSmart(event: Event, state: State): void {
    const hasBegun = state.shutdown.state === 'stopping' || state.shutdown.state === 'exited';
    if (this.#shutdown === 'smart') {
      const waits = [...this.clients.values()].some(({ worker }) => worker === null);
      expect(waits !== hasBegun, 'a smart shutdown waits for the last client, and for nobody else');
      if (!hasBegun) return;
      this.#stop();
      this.processes.limitGrace(event.at, this.#smartGraceMs);
    }
    expect(hasBegun === this.isStopping, 'a shutdown begins when it is asked for');
  }

  #stop(): void {
    this.#shutdown = 'stopping';
    for (const worker of this.live.values()) this.processes.leaves(worker);
  }

  #look(event: Event, effect: Effect, state: State): void {
    const isWord = ['reply', 'notify', 'memberGone'].includes(effect.type);
    expect(!this.hasExited || isWord, 'after the end nothing is done any more');
    switch (effect.type) {
      case 'reply':
        return this.#reply(effect, state);
      case 'notify':
        return this.#clientOf(effect.client).told(effect.status);
      case 'notifyProgress':
        for (const client of effect.clients) this.#clientOf(client);
        return;
      case 'startWorker':
        // One in the place of a spare that was lost is no further start, also where a reload has lowered the limit meanwhile.
        if (!this.processes.started(effect)) return;
        this.#startsInPass += 1;
        return expect(this.#startsInPass <= this.#limits.maxStartsPerPass, 'no more starts in a pass than the limit');
      case 'giveJob': {
        const { run } = tenantOf(state, effect) ?? {};
        return this.processes.given(effect, run?.state === 'up' ? run.pid : 0, event.at);
      }
      case 'askToStop':
        return this.processes.askedToStop(effect, event.at);
      case 'killWorker':
        return this.processes.killed(effect, stopOf(state, effect) !== null);
      case 'measureMemory': {
        const { process } = this.processes.find(effect);
        return expect(process?.pid === effect.pid, 'only what is there is measured');
      }
      case 'workerEnded':
        return this.#workerEnded(effect, effect.status);
      case 'removeSegment':
      case 'memberGone':
      case 'clearMember':
        return this.memory.look(effect);
      case 'exit':
        this.memory.look(effect);
        expect(this.isStopping && this.live.size === 0, 'the end is the end of everybody');
        this.#shutdown = 'exited';
        return;
    }
  }

  #reply(effect: Extract<Effect, { type: 'reply' }>, state: State): void {
    const { client: id, request, answer } = effect;
    const client = this.#clientOf(id);
    const question = client.questions.get(request);
    expect(question !== undefined, 'an answer belongs to a question');
    client.questions.delete(request);
    if (question.type === 'watchAllRequested') client.watchAll(state);
    if (isAboutMemory(question)) this.memory.answered(question, effect);
    if (answer.answer === 'registered' && question.type === 'registrationRequested') {
      this.#registered(question, answer.status, answer.existing);
    }
    if (answer.answer !== 'status' && answer.answer !== 'registered') return;
    const { status } = answer;
    const name = formatKey(status);
    const worker = this.live.get(name);
    if (question.type === 'watchRequested' || question.type === 'registrationRequested') client.watch(status);
    else expect('slot' in question && name === formatKey(question), 'the answer is about whom the question was');
    const last = this.ended.get(name);
    if (last !== undefined) {
      const same = status.sequence === last.sequence || status.reason?.kind === 'forgotten';
      expect(same && status.final, 'a last word is the last');
    } else expect(worker !== undefined && !status.final, 'who holds a slot has had no last word');
    if (worker === undefined) return;
    if (question.type === 'terminationRequested') this.processes.leaves(worker);
    if (question.type === 'restartRequested') {
      expect(!worker.leaving, 'who is to stop for good is not restarted');
      worker.restartPromised = true;
    }
  }

  #registered(
    { client, key, worker }: Extract<Event, { type: 'registrationRequested' }>,
    status: WorkerStatus,
    existing: boolean,
  ): void {
    const name = formatKey(status);
    const before = this.#byRegistrationKey.get(key);
    if (existing || name === before) {
      const record = this.live.get(name);
      if (!existing && record !== undefined) record.registrant.client = client;
      return;
    }
    expect(before === undefined || !this.live.has(before), 'one key registers one worker at a time');
    expect(!this.live.has(name) && !this.ended.has(name), 'a new worker has a handle that nobody had');
    expect(!this.isStopping, 'nobody is registered in a shutdown');
    this.#byRegistrationKey.set(key, name);
    // Who got a slot from the list in this very transition did so because one of those it replaces is gone.
    const isHolder = (other: WorkerRecord): boolean =>
      other.worker.name === worker.name && !this.#placed.has(formatKey(other.key));
    const successorOf = worker.ifNameTaken === null ? [] : [...this.live.values()].filter(isHolder);
    this.processes.moveIn(status, worker, client, false, successorOf);
    this.checkLimits(worker, this.#placed);
  }

  /** Those that the settings list are registered without an answer. Gives those that got a slot. */
  meetListed(before: State, state: State, isStart: boolean): readonly BackgroundWorker[] {
    const kept = new Set(state.listed.flatMap(({ key }) => (key === null ? [] : [formatKey(key)])));
    for (const { key } of before.listed) {
      const left = key === null || kept.has(formatKey(key)) ? undefined : this.live.get(formatKey(key));
      if (left !== undefined) this.processes.leaves(left);
    }
    const placed: BackgroundWorker[] = [];
    for (const { key, worker } of state.listed) {
      if (key === null || this.live.has(formatKey(key)) || this.ended.has(formatKey(key))) continue;
      const run = tenantOf(state, key)?.run;
      const waitsFor = run?.state === 'waiting' && run.until.condition === 'replaced' ? run.until.workers : [];
      const successorOf = waitsFor.map((other) => this.processes.find(other));
      this.processes.moveIn(key, worker, null, isStart && worker.startTime === 'postmasterStart', successorOf);
      this.#placed.add(formatKey(key));
      placed.push(worker);
    }
    return placed;
  }

  /** `uncounted`: these may have come later. */
  checkLimits(worker: BackgroundWorker, uncounted: ReadonlySet<string> = new Set()): void {
    const used = new Map<string, number>();
    let all = 0;
    for (const [key, { worker: other, replaced }] of this.live) {
      if (replaced || uncounted.has(key)) continue;
      all += 1;
      used.set(other.class, (used.get(other.class) ?? 0) + 1);
    }
    const { maxWorkerProcesses, classes } = this.#limits;
    expect(all <= maxWorkerProcesses, 'no more workers than slots');
    const own = classes[worker.class];
    expect(own === undefined || (used.get(worker.class) ?? 0) <= own.max, 'no more of a class than its limit');
    let reserved = 0;
    for (const [name, limit] of Object.entries(classes)) {
      if (name !== worker.class) reserved += Math.max(0, limit.reserved - (used.get(name) ?? 0));
    }
    expect(maxWorkerProcesses - all >= reserved, 'what is reserved is left');
  }

  #workerEnded(key: WorkerKey, status: WorkerStatus): void {
    const { attempts } = this.processes.moveOut(key);
    expect(status.final && status.reason !== null && !status.willRestart, 'the last word is final and says why');
    expect(status.attempts === attempts && status.deaths === attempts, 'the last word counts right');
    this.ended.set(formatKey(key), status);
  }

  #conclude(event: Event, effects: readonly Effect[], state: State): void {
    if (event.type === 'clientGone') this.#tiedAreTold(event.client);
    this.processes.checkGroups();
    this.#endsAreReported(event, effects);
    for (const client of this.clients.values()) client.endStep(state);
    this.memory.conclude((client) => this.clients.get(client)?.blocked === false);
    expect(state.slots.used === this.live.size, 'no slot is lost, and none is used twice');
    const waits = event.type === 'namedSegmentRequested' && this.memory.mayWait(event);
    if ('request' in event && event.type !== 'registrationRequested' && !waits) {
      const isOpen = this.clients.get(event.client)?.questions.has(event.request) === true;
      expect(!isOpen, 'a question is answered at once');
    }
    if (event.type === 'clockAdvanced') this.processes.checkTimes(event.at);
  }

  #tiedAreTold(client: ClientId): void {
    for (const { worker, registrant, process, underWay } of this.#registeredBy(client)) {
      registrant.client = null;
      if (worker.lifetime !== 'client') continue;
      const isGoing = process === null || process.askedAt !== null || process.killed || process.isLost;
      expect(isGoing, 'who is tied to it goes with its client');
      expect(process !== null || underWay, 'without a process it is gone at once');
    }
  }

  #registeredBy(client: ClientId): readonly WorkerRecord[] {
    return [...this.live.values()].filter(({ registrant }) => registrant.client === client);
  }

  /** What ended was reported, whether anybody listened or not. */
  #endsAreReported(event: Event, effects: readonly Effect[]): void {
    let reports = 0;
    let ends = 0;
    for (const effect of effects) {
      if (effect.type === 'reportStop') reports += 1;
      if (effect.type !== 'workerEnded') continue;
      ends += 1;
      if (effect.worker.notifyPid === null) continue;
      const isSent = effects.some(({ type }) => type === 'signalNotifyPid');
      expect(isSent, 'who asked for a signal is sent one');
    }
    expect(reports >= ends, 'who ended is reported');
    if (event.type !== 'workerExited' && event.type !== 'spawnFailed') return;
    // A spare that was lost before it took the job was no attempt, and that one goes on.
    const goesOn = effects.some(
      (effect) =>
        effect.type === 'startWorker' && formatKey(effect) === formatKey(event) && effect.attempt === event.attempt,
    );
    expect(goesOn || reports > 0, 'every death is reported');
  }

  #clientOf(id: ClientId): ClientRecord {
    const client = this.clients.get(id);
    expect(client !== undefined, 'what is sent is sent to somebody');
    return client;
  }
}

function isAboutMemory(event: Event): event is Event & MemoryEvent & { readonly request: number } {
  return 'request' in event && /^(memoryJoin|segment|namedSegment)/.test(event.type);
}

function stopOf(state: State, key: WorkerKey): object | null {
  const { run } = tenantOf(state, key) ?? {};
  return run?.state === 'up' ? run.stop : null;
}
