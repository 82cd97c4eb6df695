/**
 * What decides and converses: it holds the state, understands what clients ask, gives every fact to the core, and
 * performs what the core orders, in its order. It makes no process, opens no socket and has no clock of its own: who
 * does that is handed in, so that a test can (`bgworker/testing`). It runs no user code and reads no user's value; a
 * worker's argument and result pass through it as bytes.
 *
 * Facts are queued while effects are being performed, so no effect is ever performed in the middle of another
 * transition. Nothing here calls upward: an exit, a message, a timer are all just facts.
 *
 * Model: ServerLoop in postmaster.c, whose state lives in globals and whose decisions are all over it; here they are
 * in core/.
 */
import { BgworkerError, ourFault, unreachable } from '../base/index.js';
import type { ClientId, Effect, Event, ShutdownMode, State } from '../core/index.js';
import {
  checkState,
  initialState,
  isGoingDown,
  lastKillAt,
  nextWakeupAt,
  planReload,
  tellReload,
  tenantOf,
  transition,
  waitingForSlot,
} from '../core/index.js';
import type { ClientMessage, GoodbyeDetail, GoodbyeReason, ReloadReport } from '../protocol/index.js';
import { decodeRegister, encodeFrame, encodeStatus } from '../protocol/index.js';
import { CHANNEL_OVERRUN, Channels } from './channels.js';
import type { Alarm, Clock } from './clock.js';
import type { Fact } from './fact.js';
import type { ListenerEvents } from './listener.js';
import type { Log } from './log.js';
import { memoryFact } from './memoryRequests.js';
import { NotifyPids } from './notifyPid.js';
import type { Processes } from './processes.js';
import type { Configuration } from './reload.js';
import { Reload } from './reload.js';
import {
  encodeActivity,
  encodeAnswer,
  encodePostmaster,
  encodeRefusal,
  encodeSegments,
  encodeSpares,
} from './replies.js';
import type { SegmentStore } from './segmentFiles.js';
import type { Settings } from './settings.js';
import { settingValues } from './settings.js';
import { reportStop } from './stopReport.js';

/** The way to the clients: a listener, or a test's. */
export interface Door {
  send(client: ClientId, frame: Buffer): void;
  /** What is sent from inside may be written when it is over. */
  batch(act: () => void): void;
  /** Something that takes long comes next. */
  flush(): void;
  expel(client: ClientId, reason: GoodbyeReason, detail: GoodbyeDetail): void;
  refuseNewcomers(): void;
}

export interface ServerLoopOptions {
  readonly epoch: string;
  readonly directory: string;
  readonly configuration: Configuration | null;
  readonly logFile: string | null;
  readonly settings: Settings;
  readonly log: Log;
  readonly clock: Clock;
  readonly door: Door;
  readonly processes: Processes;
  readonly segments: SegmentStore;
  /** No worker is started any more; so many milliseconds from now, the last one is killed that has not ended. */
  readonly stopping: (withinMs: number) => void;
  /** The core has nothing left to do: the end of everything. */
  readonly exit: () => void;
}

/** How many transitions lie between two looks at the whole state. */
const CHECK_EVERY = 1_000;

export class ServerLoop {
  /** What the door tells. */
  readonly events: ListenerEvents;
  readonly channels: Channels;
  readonly #options: ServerLoopOptions;
  readonly #clock: Clock;
  readonly #door: Door;
  readonly #processes: Processes;
  readonly #segments: SegmentStore;
  readonly #log: Log;
  readonly #notifyPids = new NotifyPids();
  readonly #alarm: Alarm;
  readonly #facts: Fact[] = [];
  readonly #startedAt: number;
  readonly #reload: Reload;
  #state: State;
  #isDispatching = false;
  #transitions = 0;

  constructor(options: ServerLoopOptions) {
    const { epoch, settings, log, clock, door, processes, segments } = options;
    this.#options = options;
    this.#log = log;
    this.#clock = clock;
    this.#door = door;
    this.#processes = processes;
    this.#segments = segments;
    this.#startedAt = clock.now();
    this.#state = initialState(epoch, settings.limits);
    this.#reload = new Reload({
      settings,
      configuration: options.configuration,
      isGoingDown: () => isGoingDown(this.#state),
      adopt: (adopted) => this.#adopt(adopted),
      relist: (workers) => {
        const plan = planReload(this.#state, workers);
        this.dispatch({ type: 'listReloaded', workers });
        return tellReload(this.#state, plan);
      },
      now: clock.now,
    });
    this.#alarm = clock.alarm(() => this.dispatch({ type: 'clockAdvanced' }));
    this.channels = new Channels({
      toWorker: (key, message, bytes) => processes.order(key, message, bytes === undefined ? [] : [bytes]),
      toClient: (client, { slot, generation }, message, bytes) => {
        door.send(client, encodeFrame({ ...message, slot, generation }, bytes === undefined ? [] : [bytes]));
      },
    });
    this.events = {
      connected: (client, hello) => this.dispatch({ type: 'clientConnected', client, worker: hello.worker }),
      asked: (client, message, attachments) => this.#understand(client, message, attachments),
      gone: (client) => {
        this.channels.clientGone(client);
        this.dispatch({ type: 'clientGone', client });
      },
      blocked: (client) => this.dispatch({ type: 'clientBlocked', client }),
      drained: (client) => this.dispatch({ type: 'clientDrained', client }),
      expelled: (client, refusal) => log.say('warn', 'a client was sent away', { client, ...refusal }),
    };
  }

  /** The first fact of a life. */
  begin(): void {
    const { workers, sparesFromStart } = this.#reload.settings;
    this.dispatch({ type: 'postmasterStarted', workers, spares: sparesFromStart });
    const waiting = waitingForSlot(this.#state);
    if (waiting.length > 0) this.#log.say('warn', 'there is no slot yet for some of the workers', { workers: waiting });
  }

  /** A mode can only be raised. `graceMs` bounds the time of every worker. */
  shutdown(mode: ShutdownMode, graceMs: number | null = null, uncounted: ClientId | null = null): void {
    this.#door.refuseNewcomers();
    this.dispatch({ type: 'shutdownRequested', mode, graceMs, uncounted });
  }

  /** As Reload.readAgain. */
  reload(): Promise<ReloadReport> {
    return this.#reload.readAgain();
  }

  /** Gives a fact to the core and performs what follows; from inside that, it is queued. */
  dispatch(fact: Fact): void {
    this.#facts.push(fact);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    // What is written at the end of a batch can bring a fact of its own: a client whose socket is full.
    do this.#door.batch(() => this.#applyAll());
    while (this.#facts.length > 0);
    this.#isDispatching = false;
    this.#alarm.set(nextWakeupAt(this.#state));
  }

  #applyAll(): void {
    try {
      for (let next = this.#facts.shift(); next !== undefined; next = this.#facts.shift()) this.#apply(next);
    } catch (error) {
      // Half a transition has been performed. Whoever brought the fact may take a BgworkerError for his client's or his
      // worker's fault and go on, and then no fact would ever be heard of again.
      ourFault('an order of the core could not be performed', error);
    }
  }

  #apply(fact: Fact): void {
    const { state, effects } = transition(this.#state, { at: this.#clock.now(), ...fact } as Event);
    const wasGoingDown = isGoingDown(this.#state);
    this.#state = state;
    if (!wasGoingDown && isGoingDown(state))
      this.#options.stopping(lastKillAt(state, this.#clock.now()) - this.#clock.now());
    this.#transitions += 1;
    if (this.#transitions % CHECK_EVERY === 0) checkState(state);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'reply':
        return this.#door.send(
          effect.client,
          encodeAnswer(effect.request, effect.answer, this.#clock.now(), this.#segments),
        );
      case 'notify':
        return this.#door.send(effect.client, encodeStatus(effect.status, this.#clock.now(), { type: 'notify' }));
      case 'notifyProgress': {
        const { slot, generation, done, total } = effect;
        const frame = encodeFrame({ type: 'progress', slot, generation, done, total });
        for (const client of effect.clients) this.#door.send(client, frame);
        return;
      }
      case 'signalNotifyPid':
        return this.#notifyPids.signal(effect.notifyPid);
      case 'startWorker':
        this.#log.say('debug', 'starting background worker process', { worker: effect.worker.name });
        // Making a process takes a millisecond or more.
        this.#door.flush();
        return this.#processes.start(effect, effect.worker);
      case 'giveJob':
        return this.#processes.giveJob(effect, effect.worker, effect.spare);
      case 'startSpare':
        this.#door.flush();
        return this.#processes.startSpare(effect.spare, effect.preload);
      case 'endSpare':
        return this.#processes.endSpare(effect.spare, effect.isStuck);
      case 'askToStop':
        return this.#processes.askToStop(effect, effect.order);
      case 'killWorker':
        return this.#processes.kill(effect);
      case 'measureMemory':
        return this.#processes.measureMemory(effect, effect.pid);
      case 'workerEnded':
        return this.#processes.forget(effect.worker);
      case 'removeSegment':
        return this.#segments.removeSegment(effect.id);
      case 'memberGone': {
        const frame = encodeFrame({ type: 'memberGone', member: effect.member });
        for (const client of effect.clients) this.#door.send(client, frame);
        return;
      }
      case 'clearMember':
        return this.#segments.removeDoorbell(effect.member);
      case 'reportStop':
        return reportStop(this.#log, this.#options.epoch, effect);
      case 'exit':
        this.#alarm.clear();
        return this.#options.exit();
      default:
        unreachable(effect);
    }
  }

  #understand(
    client: ClientId,
    message: Exclude<ClientMessage, { type: 'hello' }>,
    attachments: readonly Uint8Array[],
  ): void {
    switch (message.type) {
      case 'register': {
        const { request, key, waitForSlot, worker } = decodeRegister(message, attachments);
        const refusal = worker.notifyPid == null ? undefined : this.#notifyPids.accept(worker.notifyPid);
        if (refusal !== undefined) return this.#refuse(client, request, refusal);
        return this.dispatch({ type: 'registrationRequested', client, request, key, waitForSlot, worker });
      }
      case 'withdraw':
        return this.dispatch({ type: 'requestWithdrawn', client, request: message.request });
      case 'status':
        return this.dispatch({ ...message, type: 'statusRequested', client });
      case 'watch':
        return this.dispatch({ ...message, type: 'watchRequested', client });
      case 'unwatch':
        return this.dispatch({ ...message, type: 'watchEnded', client });
      case 'watchAll':
        return this.dispatch({ type: 'watchAllRequested', client, request: message.request });
      case 'unwatchAll':
        return this.dispatch({ type: 'watchAllEnded', client });
      case 'activity':
        return this.#door.send(client, encodeActivity(this.#state, message, this.#clock.now()));
      case 'spares':
        return this.#door.send(client, encodeSpares(this.#state, message.request, this.#clock.now()));
      case 'terminate':
        return this.dispatch({ ...message, type: 'terminationRequested', client });
      case 'restart':
        return this.dispatch({ ...message, type: 'restartRequested', client });
      case 'shutdown':
        this.#door.send(client, encodeFrame({ type: 'done', request: message.request }));
        return this.shutdown(message.mode, null, message.waits ? client : null);
      case 'reload':
        return this.#answerReload(client, message);
      case 'postmaster':
        return this.#door.send(client, this.#introduce(message.request));
      case 'channelOpen': {
        if (tenantOf(this.#state, message) === undefined) return this.#refuse(client, message.request, WORKER_ENDED);
        const refusal = this.channels.open(message, client);
        if (refusal !== undefined) return this.#refuse(client, message.request, refusal);
        return this.#door.send(client, encodeFrame({ type: 'done', request: message.request }));
      }
      case 'channelData':
      case 'channelCredit':
      case 'channelOffer':
      case 'channelMove':
      case 'channelStay':
      case 'channelEnd': {
        const { slot, generation, ...data } = message;
        if (this.channels.fromClient({ slot, generation }, client, data, attachments[0])) return;
        return this.#door.expel(client, 'protocolViolation', CHANNEL_OVERRUN);
      }
      case 'segmentList':
        return this.#door.send(client, encodeSegments(this.#state, message));
      case 'memoryJoin': {
        const join = (): void => this.dispatch(memoryFact(client, message));
        const refuse = (error: unknown): void => this.#refuse(client, message.request, refusalIn(error));
        return void this.#segments.claim().then(join, refuse);
      }
      case 'segmentCreate':
      case 'segmentNamed':
      case 'segmentInitialised':
      case 'segmentAttach':
      case 'segmentPin':
      case 'segmentUnpin':
      case 'segmentDetach':
        return this.dispatch(memoryFact(client, message));
      default:
        unreachable(message);
    }
  }

  #answerReload(client: ClientId, { request, settings }: Extract<ClientMessage, { type: 'reload' }>): void {
    const answer = (report: ReloadReport): void => {
      this.#door.send(client, encodeFrame({ type: 'reloaded', request, report }));
    };
    const refuse = (error: unknown): void => this.#refuse(client, request, refusalIn(error));
    if (settings === null) return void this.reload().then(answer, refuse);
    try {
      answer(this.#reload.change(settings));
    } catch (error) {
      refuse(error);
    }
  }

  #adopt(settings: Settings): void {
    this.#log.setLevel(settings.logLevel);
    this.#processes.adopt(settings);
    this.dispatch({ type: 'limitsReloaded', limits: settings.limits, spares: settings.sparesFromStart });
    this.#processes.orderAll({ type: 'reload' });
  }

  #introduce(request: number): Buffer {
    const { directory, configuration, logFile } = this.#options;
    return encodePostmaster(this.#state, request, this.#clock.now(), {
      directory,
      configFile: configuration?.file ?? null,
      logFile,
      startedAt: this.#startedAt,
      reloadedAt: this.#reload.lastAt,
      settings: settingValues(this.#reload.settings),
    });
  }

  #refuse(client: ClientId, request: number, refusal: GoodbyeDetail): void {
    this.#door.send(client, encodeRefusal(request, refusal));
  }
}

/** What was thrown may be anything: reading a configuration makes processes and files. */
function refusalIn(error: unknown): GoodbyeDetail {
  // Encoded, a field that is undefined is not there.
  if (error instanceof BgworkerError) return error as GoodbyeDetail;
  return { code: 'ERR_CANNOT_RELOAD', message: 'the reload failed', detail: String(error) };
}

const WORKER_ENDED: GoodbyeDetail = {
  code: 'ERR_WORKER_ENDED',
  message: 'this worker has ended for good',
  hint: 'a channel is for a worker that runs or will run',
};
