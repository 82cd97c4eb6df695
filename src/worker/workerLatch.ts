/**
 * `ctx.latch`: the latch of protocol/latch.ts, whose waits also end when the worker is asked to stop. The class behind
 * it is loaded by the first wait; a set in the meantime counts.
 */
import type { Latch, LatchEvent, LatchWaitOptions } from '../protocol/index.js';
import type { StopRequest } from './stopRequest.js';
import type { ContextLatch } from './workerContext.js';

export class WorkerLatch implements ContextLatch {
  readonly #stop: StopRequest;
  readonly #beginWait: (event: string) => () => void;
  #latch: Latch | null = null;
  #isSet = false;
  /** How often it was set, so that a wait notices one that was reset again while it loaded. */
  #sets = 0;

  /** `beginWait`: as WaitEvents.begin. */
  constructor(stop: StopRequest, beginWait: (event: string) => () => void = () => () => {}) {
    this.#stop = stop;
    this.#beginWait = beginWait;
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  get isWaitedFor(): boolean {
    return this.#latch?.isWaitedFor === true;
  }

  set(): void {
    this.#isSet = true;
    this.#sets += 1;
    this.#latch?.set();
  }

  reset(): void {
    this.#isSet = false;
    this.#latch?.reset();
  }

  async wait(options: LatchWaitOptions = {}): Promise<LatchEvent> {
    const endWait = this.#beginWait('BgWorkerMain');
    try {
      return await this.#wait(options);
    } finally {
      endWait();
    }
  }

  async #wait({ signal, ...options }: LatchWaitOptions): Promise<LatchEvent> {
    const stopSignal = this.#stop.heed();
    const sets = this.#sets;
    const latch = await this.#load();
    if (signal === undefined) {
      stopSignal.throwIfAborted();
      return sets === this.#sets ? latch.wait({ ...options, signal: stopSignal }) : 'latchSet';
    }
    const either = whichever(stopSignal, signal);
    try {
      either.signal.throwIfAborted();
      return sets === this.#sets ? await latch.wait({ ...options, signal: either.signal }) : 'latchSet';
    } finally {
      either.release();
    }
  }

  async #load(): Promise<Latch> {
    if (this.#latch !== null) return this.#latch;
    const { Latch } = await import('../protocol/index.js');
    this.#latch ??= new Latch();
    if (this.#isSet) this.#latch.set();
    return this.#latch;
  }
}

/** AbortSignal.any, but one that can be let go: that one stays with a long-lived signal until it is collected. */
function whichever(one: AbortSignal, other: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort(one.aborted ? one.reason : other.reason);
  if (one.aborted || other.aborted) abort();
  one.addEventListener('abort', abort);
  other.addEventListener('abort', abort);
  const release = (): void => {
    one.removeEventListener('abort', abort);
    other.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, release };
}
