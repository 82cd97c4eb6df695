/**
 * One attempt to run one worker, as a process would look to the postmaster: what is done here becomes the facts that a
 * real process brings, in the same order, and nothing is decided. Who does it is the test (fakeWorker.ts) or a function
 * that runs in the test's process (inProcess.ts).
 *
 * When it is over, nothing that is done with it changes anything any more, as little as a dead process does.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unreachable } from '../base/index.js';
import type { AttemptKey, BackgroundWorker, Phase, Saying, StopOrder, WorkerKey } from '../core/index.js';
import { formatHandle } from '../core/index.js';
import type { Fact, LogFields } from '../postmaster/index.js';
import type { ChannelMessage, LogLevel, OrderMessage } from '../protocol/index.js';
import { Channel, deserializeValue, toErrorRecord } from '../protocol/index.js';
import type { WorkerEntry } from '../worker/index.js';
import type { StopOrigin } from '../worker/withoutProcess.js';
import { serializeResultChecked } from '../worker/withoutProcess.js';

/** Where an attempt is heard. */
export interface Scene {
  readonly epoch: string;
  readonly directory: string;
  dispatch(fact: Fact): void;
  channel(key: WorkerKey, message: ChannelMessage, bytes: Uint8Array | undefined): void;
  entered(key: WorkerKey): void;
  exited(key: WorkerKey): void;
  log(level: LogLevel, message: string, fields: LogFields): void;
  /** In [0, 1). */
  chance(): number;
}

/** What the one who plays it is told. */
export interface Player {
  asked(origin: StopOrigin): void;
  reload(): void;
  /** Something has arrived in the channel, or its client is gone. */
  channelChanged(): void;
  /** It is over, whoever ended it. */
  over(): void;
}

export interface Exit {
  readonly code?: number | null;
  readonly signal?: NodeJS.Signals | null;
  readonly output?: string;
  readonly outOfMemory?: boolean;
}

const PHASES: readonly Phase[] = ['forked', 'runtime', 'loading', 'running', 'ready'];
/** What a Node that does nothing needs, more or less. */
const IDLE_BYTES = 48 * 1024 * 1024;
/** A result is what its bytes are worth to those who read it, and `undefined` is none. */
const resultOf = (value: unknown): Extract<Saying, { word: 'returned' }>['result'] =>
  value === undefined ? null : serializeResultChecked(value);

export class Attempt {
  readonly key: AttemptKey;
  readonly worker: BackgroundWorker;
  readonly entry: WorkerEntry;
  readonly pid: number;
  readonly arg: unknown;
  /** Who asked it to stop. */
  origin: StopOrigin | null = null;
  rssBytes = IDLE_BYTES;
  readonly #scene: Scene;
  readonly #players = new Set<Player>();
  #phase: Phase | null = null;
  #isOver = false;
  #output = '';
  #channel: Channel | null = null;

  constructor(scene: Scene, key: AttemptKey, worker: BackgroundWorker, pid: number) {
    const { slot, generation, attempt } = key;
    const { name, type, class: className, module, functionName, restart } = worker;
    const handle = formatHandle({ epoch: scene.epoch, slot, generation });
    this.#scene = scene;
    this.key = { slot, generation, attempt };
    this.worker = worker;
    this.pid = pid;
    this.entry = Object.freeze({ name, type, class: className, module, functionName, handle, attempt, restart });
    this.arg = readArgument(worker, scene.directory);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get phase(): Phase | null {
    return this.#phase;
  }

  /** A spare has booted, and acknowledges its job: there is nothing before that. */
  takeJob(): void {
    this.#phase = 'loading';
    this.#tell({ type: 'moduleLoading' });
  }

  /** It was a spare that is gone before it took the job. */
  loseSpare(): void {
    const jitter = this.#scene.chance();
    this.#tell({ type: 'workerExited', code: 1, signal: null, output: '', outOfMemory: false, jitter });
    this.#end();
  }

  spawnFailed(errno: string, what: string): void {
    this.#tell({ type: 'spawnFailed', errno, what, jitter: this.#scene.chance() });
    this.#end();
  }

  /** Everything up to this phase happens, if it has not. */
  reach(phase: Phase): void {
    const facts = ['workerForked', 'runtimeUp', 'moduleLoading', 'functionEntered'] as const;
    for (let next = PHASES.indexOf(this.#phase ?? 'forked') + (this.#phase === null ? 0 : 1); ; next++) {
      const fact = facts[next];
      if (fact === undefined || next > PHASES.indexOf(phase) || this.#isOver) return;
      this.#phase = PHASES[next] ?? null;
      this.#tell(fact === 'workerForked' ? { type: fact, pid: this.pid } : { type: fact });
      if (fact === 'functionEntered') this.#scene.entered(this.key);
    }
  }

  ready(): void {
    this.reach('running');
    if (this.#phase === 'ready') return;
    this.#phase = 'ready';
    this.#tell({ type: 'readyReported' });
  }

  progress(done: number, total: number | null): void {
    this.reach('running');
    this.#tell({ type: 'progressReported', done, total });
  }

  print(text: string): void {
    this.#output = (this.#output + text).slice(-8 * 1024);
  }

  log(level: LogLevel, message: string, fields: LogFields | null): void {
    const { name, handle } = this.entry;
    if (!this.#isOver) this.#scene.log(level, message, { ...fields, worker: name, handle, workerPid: this.pid });
  }

  say(saying: Saying): void {
    this.#tell({ type: 'workerSaid', saying });
  }

  returned(value: unknown): void {
    this.reach('running');
    this.say({ word: 'returned', asked: this.origin !== null, result: resultOf(value) });
    this.exit({ code: 0 });
  }

  threw(error: unknown): void {
    this.reach('running');
    this.say({ word: 'threw', error: toErrorRecord(error) });
    this.exit({ code: 1 });
  }

  /** It has stopped because it was asked to. */
  obeyed(): void {
    this.say({
      word: 'stoppedAsAsked',
      by: this.origin === null || this.origin === 'signal' ? 'signal' : 'postmaster',
    });
    this.exit({ code: 1 });
  }

  exit({ signal = null, code = signal === null ? 1 : null, output = '', outOfMemory = false }: Exit): void {
    if (this.#isOver) return;
    this.print(output);
    const [printed, jitter] = [this.#output, this.#scene.chance()];
    this.#scene.exited(this.key);
    this.#tell({ type: 'workerExited', code, signal, output: printed, outOfMemory, jitter });
    this.#end();
  }

  /** The end of the worker's side of the channel to the present client, or to the one to come. */
  get channel(): Channel {
    this.#channel ??= new Channel({
      send: (message, bytes) => {
        if (!this.#isOver) this.#scene.channel(this.key, message, bytes ?? undefined);
      },
    });
    return this.#channel;
  }

  // --- what the postmaster orders ---

  askToStop(order: StopOrder): void {
    this.#ask(order);
  }

  postmasterDied(): void {
    this.#ask('postmasterDied');
  }

  order(message: OrderMessage, bytes: Uint8Array | undefined): void {
    if (this.#isOver) return;
    switch (message.type) {
      case 'reload':
        for (const player of this.#players) player.reload();
        return;
      case 'channelClosed':
        this.#channelClosed();
        break;
      case 'channelData':
      case 'channelCredit':
      case 'channelEnd':
        this.channel.accept(message, bytes ?? null);
        break;
      case 'channelOffer':
      case 'channelMove':
      case 'channelStay':
        // Nobody offers anything where there are no processes.
        return;
      case 'job':
      case 'spare':
      case 'rehearsal':
      case 'terminate':
        // These come as orders of their own.
        return;
      default:
        unreachable(message);
    }
    for (const player of this.#players) player.channelChanged();
  }

  /** Its process is no more, and nobody is there to be told. */
  vanish(): void {
    this.#end();
  }

  playedBy(player: Player): void {
    this.#players.add(player);
  }

  #ask(origin: StopOrigin): void {
    if (this.#isOver || this.origin !== null) return;
    this.origin = origin;
    for (const player of this.#players) player.asked(origin);
  }

  /** As in worker/context.ts: the end of this channel is said in any case, and the next client gets a new one. */
  #channelClosed(): void {
    const channel = this.channel;
    this.#channel = null;
    channel.peerGone();
    channel.end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const player of this.#players) player.over();
    this.#players.clear();
  }

  #tell(fact: Untold): void {
    if (!this.#isOver) this.#scene.dispatch({ ...fact, ...this.key } as Fact);
  }
}

/** A fact about an attempt, without the key. */
type Untold = Fact extends infer F ? (F extends AttemptKey ? Omit<F, keyof AttemptKey> : never) : never;

function readArgument({ mainArg }: BackgroundWorker, directory: string): unknown {
  if (mainArg.kind === 'none') return undefined;
  return deserializeValue(
    mainArg.kind === 'file' ? readFileSync(join(directory, 'args', mainArg.file)) : mainArg.bytes,
  );
}
