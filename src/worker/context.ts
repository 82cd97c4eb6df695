/**
 * Makes the `ctx` of a worker's function, and is what the runtime holds behind it. What each part promises stands in
 * workerContext.ts; most parts are loaded when they are first used (parts.ts).
 *
 * The runtime passes on what it was told (`channelMessage`, `channelClosed`, `reload`) and asks `isWaiting` when the
 * event loop is empty: a wait that only the postmaster can end is none that never settles.
 */
import { getEventListeners } from 'node:events';
import type { Client, Lent, Runtime, WorkerHome } from '../client/index.js';
import type { ChannelMessage, MemoryWire, OrderMessage, WorkerMessage } from '../protocol/index.js';
import type { Log } from './log.js';
import { part, replacedFile, tryProtocol } from './parts.js';
import type { PeerChannel } from './peerChannel.js';
import type { PostmasterLine } from './postmasterLine.js';
import { FROM_POSTMASTER } from './postmasterLine.js';
import type { Progress } from './progress.js';
import type { StopRequest } from './stopRequest.js';
import type { WaitEvents } from './waitEvents.js';
import type { WorkerContext, WorkerEntry } from './workerContext.js';
import type { WorkerLatch } from './workerLatch.js';

/** Which copy of the package this is. */
export interface PackageCopy {
  readonly protocol: number;
  readonly version: string;
  readonly path: string;
}

export type Job = Extract<OrderMessage, { type: 'job' }>;

export type SpareRefusal = Extract<WorkerMessage, { type: 'refused' }>['because'];

export class Context {
  readonly #job: Job;
  readonly #line: Pick<PostmasterLine, 'tell' | 'awaitNoMore'>;
  readonly #stop: StopRequest;
  readonly #reloadListeners = new Set<() => void>();
  #log: Log | null = null;
  #progress: Progress | null = null;
  #waits: WaitEvents | null = null;
  #latch: WorkerLatch | null = null;
  #channel: PeerChannel | null = null;
  #client: Promise<Client> | null = null;
  /** Through which the channel is attached to shared memory. Not the worker's own: its function may close that. */
  #memoryClient: Promise<Client> | null = null;
  #attaching = 0;
  #terminated: Promise<void> | null = null;
  #placesTaken = 0;
  #isReady = false;
  /** What the worker's function is given. */
  readonly face: WorkerContext;

  constructor(job: Job, line: Pick<PostmasterLine, 'tell' | 'awaitNoMore'>, stop: StopRequest) {
    this.#job = job;
    this.#line = line;
    this.#stop = stop;
    this.face = this.#makeFace();
  }

  channelMessage(message: ChannelMessage, bytes: Uint8Array | null): void {
    this.#theChannel().accept(message, bytes);
  }

  /** The client is gone; the next one gets a channel of its own. The end of this one is said in any case (PeerChannel). */
  channelClosed(): void {
    const channel = this.#channel;
    this.#channel = null;
    if (channel === null) this.#line.tell({ type: 'channelEnd' });
    else channel.peerGone();
    this.#theLatch().set();
  }

  reload(): void {
    this.#theLatch().set();
    for (const listener of this.#reloadListeners) listener();
  }

  get log(): Log {
    this.#log ??= part('log').makeLog((message) => this.#line.tell(message));
    return this.#log;
  }

  /** Tells what was held back. */
  flush(): void {
    this.#progress?.flush();
  }

  get isWaiting(): boolean {
    return this.#latch?.isWaitedFor === true || this.#channel?.isWaitedFor === true || this.#awaitsStop();
  }

  get unsentMessages(): number {
    return this.#channel?.unsentMessages ?? 0;
  }

  /** How many connections of our own this process has to the postmaster, but for one that nobody waits for. */
  get connections(): number {
    return (this.#client === null ? 0 : 1) + this.#placesTaken + (this.#attaching > 0 ? 1 : 0);
  }

  /**
   * Makes `run`, `launch` and `register` of this package use this worker's client, by what all copies of the package in
   * a process share (client/runtime.ts, which is not loaded for it). Not while the worker's module is loading: a module
   * that starts workers when it is imported would be imported by them, and start more, without end.
   */
  lendClient(copy: PackageCopy, mayBeUsed: () => boolean): void {
    const checkLoaded = async (): Promise<void> => {
      if (!mayBeUsed()) await refuseWhileLoading(this.#job);
    };
    lendClient(copy, {
      checkLoaded,
      client: async () => checkLoaded().then(() => this.#theClient()),
      place: async () => checkLoaded().then(() => this.#takePlace()),
      beginWait: (event, isBlocking) => this.#theWaits().begin(event, isBlocking),
      ordersDescriptor: FROM_POSTMASTER,
    });
  }

  #awaitsStop(): boolean {
    const { signal, wasAsked } = this.#stop;
    if (signal.aborted || wasAsked) return !signal.aborted;
    return this.#terminated !== null || getEventListeners(signal, 'abort').length > 0 || hasDependents(signal);
  }

  #makeFace(): WorkerContext {
    const context = this;
    const stop = this.#stop;
    return Object.freeze({
      entry: entryOf(this.#job),
      get signal() {
        return stop.heed();
      },
      get terminated() {
        return context.#whenTerminated();
      },
      async sleep(ms: number) {
        const signal = stop.heed();
        return (await import('./pause.js')).sleep(ms, signal);
      },
      every(ms: number) {
        const signal = stop.heed();
        return {
          async *[Symbol.asyncIterator]() {
            yield* (await import('./pause.js')).every(ms, signal);
          },
        };
      },
      get latch() {
        return context.#theLatch();
      },
      ready: () => this.#ready(),
      progress: (done: number, total?: number) => this.#theProgress().report(done, total ?? null),
      get log() {
        return context.log;
      },
      get channel() {
        return context.#theChannel();
      },
      get client() {
        return context.#theClient();
      },
      onReload: (listener: () => void) => {
        this.#reloadListeners.add(listener);
        return () => void this.#reloadListeners.delete(listener);
      },
    });
  }

  #whenTerminated(): Promise<void> {
    const signal = this.#stop.heed();
    this.#terminated ??= new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return this.#terminated;
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#line.tell({ type: 'ready' });
  }

  #theProgress(): Progress {
    this.#progress ??= new (part('progress').Progress)((message) => this.#line.tell(message));
    return this.#progress;
  }

  #theWaits(): WaitEvents {
    this.#waits ??= new (part('waitEvents').WaitEvents)((message) => this.#line.tell(message));
    return this.#waits;
  }

  #theLatch(): WorkerLatch {
    this.#latch ??= new (part('workerLatch').WorkerLatch)(this.#stop, (event) => this.#theWaits().begin(event));
    return this.#latch;
  }

  #theChannel(): PeerChannel {
    if (this.#channel !== null) return this.#channel;
    const { PeerChannel } = part('peerChannel');
    this.#channel = new PeerChannel(
      {
        tell: (message, bytes) => this.#line.tell(message, bytes === null ? [] : [bytes]),
        attach: (segment) => this.#attach(segment),
        arrived: (message) => {
          this.#line.awaitNoMore();
          if (message?.type !== 'channelCredit') this.#theLatch().set();
        },
      },
      tryProtocol(),
    );
    return this.#channel;
  }

  /** To memory that the client at the other end of the channel offers. */
  async #attach(segment: string): Promise<MemoryWire> {
    this.#attaching += 1;
    try {
      const known = await this.#memoryClient?.catch(() => null);
      const isConnected = known?.closed === null;
      const connecting = isConnected ? Promise.resolve(known) : connectAs(this.#job);
      this.#memoryClient = connecting;
      const client = await connecting;
      const { loadCarrier } = await import('../client/index.js');
      return await (await loadCarrier()).accept(client, segment);
    } finally {
      this.#attaching -= 1;
    }
  }

  /** A copy of another version makes a connection of its own. */
  async #takePlace(): Promise<WorkerHome> {
    const place = await placeOf(this.#job);
    this.#placesTaken += 1;
    return place;
  }

  #theClient(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    const client = connectAs(this.#job);
    this.#client = client;
    // Whoever awaits it is told; whoever only looked, `{ ...ctx }`, must not die of it. The next to ask tries again.
    client.catch(() => {
      this.#client = null;
    });
    return client;
  }
}

/** To this process, from now on. What a preloaded module has a hold of already is changed and not replaced. */
export function lendClient(
  { protocol, version, path }: PackageCopy,
  lent: Omit<Lent, 'protocol' | 'version' | 'path'>,
): void {
  const key = Symbol.for('bgworker.runtime');
  const present = (globalThis as { [key]?: Runtime })[key];
  const worker: Lent = { protocol, version, path, ...lent };
  if (present !== undefined) {
    present.worker = worker;
    return;
  }
  const shared: Runtime = { version, path, defaultClient: undefined, worker };
  Object.defineProperty(globalThis, key, { value: shared, configurable: true, writable: true });
}

async function connectAs(job: Job): Promise<Client> {
  const place = await placeOf(job);
  const file = replacedFile();
  if (file !== undefined) {
    const { BgworkerError } = await import('../base/index.js');
    throw new BgworkerError('ERR_PACKAGE_REPLACED', 'the package that this worker runs on was replaced while it ran', {
      detail: `${file} is not the file that it was started with, and a process runs one version only`,
      hint: 'restart the worker; or have it use its client before it goes on: await ctx.client',
    });
  }
  const { connect } = await import('../client/index.js');
  return connect(place);
}

async function placeOf({ worker, directory, handle }: Job): Promise<WorkerHome> {
  if (!worker.attach) {
    const { BgworkerError } = await import('../base/index.js');
    throw new BgworkerError('ERR_NOT_ATTACHED', 'this worker may not speak to its postmaster', {
      detail: `${worker.name} was registered with attach: false`,
      hint: 'register it with attach: true, if it may register workers, ask for others and share memory',
    });
  }
  return { directory, worker: { slot: handle.slot, generation: handle.generation } };
}

async function refuseWhileLoading({ worker }: Job): Promise<never> {
  const { BgworkerError } = await import('../base/index.js');
  throw new BgworkerError('ERR_WORKER_LOADING', 'a module that is loading as a worker may not start workers', {
    detail: `${worker.module} starts one when it is imported, so each would start another`,
    hint: 'move the worker functions to a module of their own, apart from the program that starts them',
  });
}

function entryOf({ worker, handle, attempt }: Job): WorkerEntry {
  const { name, type, class: className, module, functionName, restart } = worker;
  // As formatHandle in core writes it, which would bring the whole of core into every worker's start.
  const written = `${handle.epoch}:${handle.slot}:${handle.generation}`;
  return Object.freeze({ name, type, class: className, module, functionName, handle: written, attempt, restart });
}

/** Signals made of this one by AbortSignal.any: Node keeps them in a field without a public name. */
function hasDependents(signal: AbortSignal): boolean {
  const name = Object.getOwnPropertySymbols(signal).find(({ description }) => description === 'kDependantSignals');
  if (name === undefined) return false;
  // A Set, but not always one of those that `instanceof` knows.
  const dependents = (signal as unknown as Record<symbol, { readonly size?: number } | undefined>)[name];
  return (dependents?.size ?? 0) > 0;
}
