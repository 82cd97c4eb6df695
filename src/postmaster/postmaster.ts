/**
 * The postmaster: holds the state, gives every fact to the core, and performs what the core orders, in its order. It
 * runs no user code and reads no user's value; a worker's argument and result pass through it as bytes.
 *
 * There is one loop: facts are queued while effects are being performed, so no effect is ever performed in the middle
 * of another transition. Nothing here calls upward: an exit, a message, a timer are all just facts.
 *
 * It can be a process of its own (main.ts) or live in the process that holds it, as in `bgworker run`.
 *
 * Model: postmaster.c, whose state lives in globals and whose decisions are all over it; here they are in core/.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { ourFault, unreachable } from '../base/index.js';
import type { ClientId, Effect, Event, State } from '../core/index.js';
import { checkState, initialState, nextWakeupAt, tenantOf, transition } from '../core/index.js';
import type { ClientMessage, GoodbyeDetail } from '../protocol/index.js';
import {
  decodeRegister,
  encodeFrame,
  encodeStatus,
  introduce,
  perUserDirectory,
  SOCKET_NAME,
} from '../protocol/index.js';
import { Channels } from './channels.js';
import { Alarm, monotonicNow } from './clock.js';
import type { DirectoryClaim } from './directory.js';
import { claimDirectory, makePrivateDirectory, prepareDirectory } from './directory.js';
import type { Fact } from './fact.js';
import { Guardian } from './guardian.js';
import { Launcher } from './launcher.js';
import { clearClaimedDirectory, endStrays, sweepPrivateDirectories } from './leftovers.js';
import { Listener } from './listener.js';
import type { Log } from './log.js';
import { NotifyPids } from './notifyPid.js';
import { encodeActivity, encodeAnswer, encodeRefusal, encodeSpares } from './replies.js';
import type { Settings } from './settings.js';
import { reloadLimits } from './settings.js';
import { reportStop } from './stopReport.js';
import { residentBytes } from './workerProcess.js';

export interface PostmasterOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** A descriptor that ends with the application that embeds this postmaster; the guardian watches it. */
  readonly applicationLifeLine?: number;
  /** Where the workers' output goes. Default: our own standard output and error. */
  readonly sinks?: { readonly stdout: Writable; readonly stderr: Writable };
}

/** How many transitions lie between two looks at the whole state. */
const CHECK_EVERY = 1_000;

export class Postmaster {
  readonly epoch: string;
  readonly directory: string;
  /** Resolves when everything is over and the directory is free. */
  readonly ended: Promise<void>;
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #claim: DirectoryClaim;
  readonly #guardian: Guardian;
  readonly #launcher: Launcher;
  readonly #channels: Channels;
  readonly #notifyPids = new NotifyPids();
  readonly #alarm = new Alarm(() => this.dispatch({ type: 'clockAdvanced' }));
  readonly #facts: Fact[] = [];
  #state: State;
  #listener: Listener | undefined;
  #isDispatching = false;
  #transitions = 0;
  #resolveEnded: () => void = () => {};

  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const { settings } = options;
    const epoch = newEpoch();
    const base = perUserDirectory(process.env);
    const directory = settings.directory ?? makePrivateDirectory(base);
    prepareDirectory(directory);
    const claim = await claimDirectory(directory, { pid: process.pid, epoch });
    try {
      await clearClaimedDirectory(claim, { graceMs: settings.limits.postmasterDeathGraceMs });
      const postmaster = new Postmaster(epoch, claim, options);
      await postmaster.#open();
      // What other embedded postmasters of ours left behind; nobody waits for it. One that died just now has a guardian,
      // whose workers may still finish.
      const { postmasterDeathGraceMs: graceMs } = settings.limits;
      if (settings.directory === null) void sweepPrivateDirectories(base, { graceMs });
      return postmaster;
    } catch (error) {
      claim[Symbol.dispose]();
      if (settings.directory === null) rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(epoch: string, claim: DirectoryClaim, options: PostmasterOptions) {
    const { settings, log, applicationLifeLine } = options;
    this.epoch = epoch;
    this.directory = claim.directory;
    this.#claim = claim;
    this.#settings = settings;
    this.#log = log;
    this.#state = initialState(epoch, settings.limits);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#guardian = Guardian.start({
      epoch,
      graceMs: settings.limits.postmasterDeathGraceMs,
      ...(applicationLifeLine === undefined ? {} : { applicationLifeLine }),
      ...(settings.directory === null ? { removeDirectory: claim.directory } : {}),
      now: monotonicNow,
      onDeath: (death) =>
        log.say('warn', 'the guardian died and was replaced', { guardianPid: death.pid, how: death.how }),
      onFailure: (error) => {
        // Without a guardian our death would leave orphans: better no workers than such.
        log.say('fatal', error.message, { code: error.code, detail: error.detail, hint: error.hint });
        this.shutdown('fast');
      },
    });
    this.#channels = new Channels({
      toWorker: (key, message, bytes) => this.#launcher.order(key, message, bytes === undefined ? [] : [bytes]),
      toClient: (client, { slot, generation }, message, bytes) => {
        this.#send(client, encodeFrame({ ...message, slot, generation }, bytes === undefined ? [] : [bytes]));
      },
    });
    this.#launcher = new Launcher({
      epoch,
      directory: claim.directory,
      settings,
      guardian: this.#guardian,
      log,
      sinks: options.sinks ?? process,
      chance: Math.random,
      dispatch: (fact) => this.dispatch(fact),
      channel: (key, message, bytes) => this.#channels.fromWorker(key, message, bytes),
      entered: (key) => this.#channels.workerEntered(key),
      exited: (key) => this.#channels.workerEnded(key),
    });
  }

  async #open(): Promise<void> {
    this.#listener = await Listener.open({
      socketPath: join(this.directory, SOCKET_NAME),
      epoch: this.epoch,
      directory: this.directory,
      introduction: introduce(),
      events: {
        connected: (client, hello) => this.dispatch({ type: 'clientConnected', client, worker: hello.worker }),
        asked: (client, message, attachments) => this.#understand(client, message, attachments),
        gone: (client) => {
          this.#channels.clientGone(client);
          this.dispatch({ type: 'clientGone', client });
        },
        blocked: (client) => this.dispatch({ type: 'clientBlocked', client }),
        drained: (client) => this.dispatch({ type: 'clientDrained', client }),
        expelled: (client, refusal) => this.#log.say('warn', 'a client was sent away', { client, ...refusal }),
      },
    });
    this.dispatch({
      type: 'postmasterStarted',
      workers: this.#settings.workers,
      spares: this.#settings.sparesFromStart,
    });
    this.#log.say('info', 'postmaster started', { epoch: this.epoch, directory: this.directory });
  }

  /** A mode can only be raised. `graceMs` bounds the time of every worker. */
  shutdown(mode: 'smart' | 'fast' | 'immediate', graceMs: number | null = null): void {
    this.#listener?.refuseNewcomers();
    this.dispatch({ type: 'shutdownRequested', mode, graceMs, uncounted: null });
  }

  /** Gives a fact to the core and performs what follows; from inside that, it is queued. */
  dispatch(fact: Fact): void {
    this.#facts.push(fact);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    // What is written at the end of a batch can bring a fact of its own: a client whose socket is full.
    do {
      if (this.#listener === undefined) this.#applyAll();
      else this.#listener.batch(() => this.#applyAll());
    } while (this.#facts.length > 0);
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
    const { state, effects } = transition(this.#state, { at: monotonicNow(), ...fact } as Event);
    this.#state = state;
    this.#transitions += 1;
    if (this.#transitions % CHECK_EVERY === 0) checkState(state);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'reply':
        return this.#send(effect.client, encodeAnswer(effect.request, effect.answer, monotonicNow()));
      case 'notify':
        return this.#send(effect.client, encodeStatus(effect.status, monotonicNow(), { type: 'notify' }));
      case 'notifyProgress': {
        const { slot, generation, done, total } = effect;
        const frame = encodeFrame({ type: 'progress', slot, generation, done, total });
        for (const client of effect.clients) this.#send(client, frame);
        return;
      }
      case 'signalNotifyPid':
        return this.#notifyPids.signal(effect.notifyPid);
      case 'startWorker':
        this.#log.say('debug', 'starting background worker process', { worker: effect.worker.name });
        // Making a process takes a millisecond or more.
        this.#listener?.flush();
        return this.#launcher.start(effect, effect.worker);
      case 'giveJob':
        return this.#launcher.giveJob(effect, effect.worker, effect.spare);
      case 'startSpare':
        this.#listener?.flush();
        return this.#launcher.startSpare(effect.spare, effect.preload);
      case 'endSpare':
        return this.#launcher.endSpare(effect.spare, effect.isStuck);
      case 'askToStop':
        return this.#launcher.askToStop(effect, effect.order);
      case 'killWorker':
        return this.#launcher.kill(effect);
      case 'measureMemory': {
        const rssBytes = residentBytes(effect.pid);
        const { slot, generation, attempt } = effect;
        if (rssBytes !== undefined) this.dispatch({ type: 'memoryMeasured', slot, generation, attempt, rssBytes });
        return;
      }
      case 'workerEnded':
        return this.#launcher.forget(effect.worker);
      case 'reportStop':
        return reportStop(this.#log, this.epoch, effect);
      case 'exit':
        return void this.#exit();
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
        return this.#send(client, encodeActivity(this.#state, message, monotonicNow()));
      case 'spares':
        return this.#send(client, encodeSpares(this.#state, message.request, monotonicNow()));
      case 'terminate':
        return this.dispatch({ ...message, type: 'terminationRequested', client });
      case 'restart':
        return this.dispatch({ ...message, type: 'restartRequested', client });
      case 'shutdown':
        this.#send(client, encodeFrame({ type: 'done', request: message.request }));
        return this.shutdown(message.mode);
      case 'reload':
        return this.#reload(client, message.request, message.limits);
      case 'channelOpen': {
        if (tenantOf(this.#state, message) === undefined) return this.#refuse(client, message.request, WORKER_ENDED);
        const refusal = this.#channels.open(message, client);
        if (refusal !== undefined) return this.#refuse(client, message.request, refusal);
        return this.#send(client, encodeFrame({ type: 'done', request: message.request }));
      }
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd': {
        const { slot, generation, ...data } = message;
        if (this.#channels.fromClient({ slot, generation }, client, data, attachments[0])) return;
        return this.#listener?.expel(client, 'protocolViolation', CHANNEL_OVERRUN);
      }
      default:
        unreachable(message);
    }
  }

  #reload(client: ClientId, request: number, input: unknown): void {
    try {
      this.dispatch({ type: 'limitsReloaded', ...reloadLimits(this.#state.limits, input) });
    } catch (error) {
      return this.#refuse(client, request, error as GoodbyeDetail);
    }
    this.#launcher.orderAll({ type: 'reload' });
    this.#send(client, encodeFrame({ type: 'done', request }));
  }

  #refuse(client: ClientId, request: number, refusal: GoodbyeDetail): void {
    this.#send(client, encodeRefusal(request, refusal));
  }

  #send(client: ClientId, frame: Buffer): void {
    this.#listener?.send(client, frame);
  }

  async #exit(): Promise<void> {
    this.#alarm.clear();
    await this.#listener?.close('shutdown', { code: 'ERR_SHUTTING_DOWN', message: 'the postmaster has shut down' });
    // What workers started and what left their process groups ends with us, as it would by the guardian's hand.
    await endStrays(this.epoch);
    this.#guardian.end();
    this.#claim[Symbol.dispose]();
    if (this.#settings.directory === null) rmSync(this.directory, { recursive: true, force: true });
    this.#log.say('info', 'postmaster stopped', { epoch: this.epoch });
    this.#resolveEnded();
  }
}

const WORKER_ENDED: GoodbyeDetail = {
  code: 'ERR_WORKER_ENDED',
  message: 'this worker has ended for good',
  hint: 'a channel is for a worker that runs or will run',
};

const CHANNEL_OVERRUN: GoodbyeDetail = {
  code: 'ERR_CHANNEL_OVERRUN',
  message: 'more was sent through a channel than was granted',
  hint: 'use the client library, which waits for credit',
};

/** Names one life of a postmaster: no two have the same, and a later one sorts behind an earlier one. */
function newEpoch(): string {
  const chance = BigInt(`0x${randomBytes(4).toString('hex')}`)
    .toString(36)
    .padStart(7, '0');
  return `${Date.now().toString(36)}${chance}`;
}
