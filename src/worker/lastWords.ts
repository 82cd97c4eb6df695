/**
 * What a worker says of its own end before it ends; the postmaster judges by it, since exit codes lie. It says one
 * thing only, the first: whatever follows is a consequence.
 *
 * - An error that nobody caught: `threw`, unless the worker has a handler of its own for such errors.
 * - `process.exit(code)`: `exiting`. It is said when the process is about to exit, with nothing said before.
 * - An empty event loop: `onDrained` decides what that means (entryPoint.ts), unless something is still waited for that
 *   only the postmaster can bring: then the line is held open until the next message.
 *
 * A spare that cannot take on its job refuses it, which is its last word too.
 *
 * The rest (returned, stoppedAsAsked, what went wrong with the module) is said by who finds it out. All of it is
 * written by a blocking write, so it is with the postmaster even if the process dies in the next instant.
 */
import type { ErrorRecord, Saying } from '../core/index.js';
import type { SpareRefusal } from './context.js';
import { tryProtocol } from './parts.js';
import type { PostmasterLine } from './postmasterLine.js';
import type { StopRequest } from './stopRequest.js';

export interface LastWordsOptions {
  readonly line: PostmasterLine;
  readonly stop: StopRequest;
  /** Before the last word: what was held back must not be lost. */
  readonly flush: () => void;
  /** Is something waited for that only a message can bring? */
  readonly isWaiting: () => boolean;
  /** Nothing can happen any more. */
  readonly onDrained: () => void;
}

export class LastWords {
  readonly #options: LastWordsOptions;
  #hasSpoken = false;

  constructor(options: LastWordsOptions) {
    this.#options = options;
    process.on('exit', (code) => this.say({ word: 'exiting', code }));
    process.on('uncaughtExceptionMonitor', (error) => this.#uncaught(error));
    process.on('beforeExit', () => this.#loopIsEmpty());
  }

  say(saying: Saying): void {
    if (this.#hasSpoken) return;
    this.#hasSpoken = true;
    const { line, flush } = this.#options;
    flush();
    if (saying.word !== 'returned' || saying.result?.state !== 'bytes') line.tell({ type: 'said', saying });
    else line.tell({ type: 'said', saying: { ...saying, result: { state: 'bytes' } } }, [saying.result.bytes]);
  }

  /** A spare that refuses its job has said all that there is to say. */
  refuse(because: SpareRefusal): void {
    this.#hasSpoken = true;
    this.#options.line.tell({ type: 'refused', because });
  }

  /** It failed with this error; or, if that is what became of being asked to stop, it obeyed. */
  sayThrew(error: unknown): void {
    const { stop } = this.#options;
    if (stop.explains(error)) this.say({ word: 'stoppedAsAsked', by: stop.by });
    else this.say({ word: 'threw', error: recordOf(error) });
  }

  #uncaught(error: unknown): void {
    // A handler of the worker's own may go on after it; if that throws, or exits, that is the end to be judged.
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return;
    this.sayThrew(error);
  }

  /**
   * The worker's own listeners for beforeExit may begin something, now or in the promises that follow, so what there is
   * is counted before them and after one turn of the loop. If a message came in that turn, nothing is decided: what it
   * set going will end in an empty loop again.
   */
  #loopIsEmpty(): void {
    const { line, isWaiting, onDrained } = this.#options;
    const resources = process.getActiveResourcesInfo().length;
    const heard = line.messagesHeard;
    setImmediate(() => {
      if (this.#hasSpoken || line.messagesHeard > heard || process.getActiveResourcesInfo().length > resources) return;
      if (isWaiting()) line.awaitMessage();
      else onDrained();
    });
  }
}

/** What makes a whole record may be just being loaded by somebody, and there is no time left: then it is half of one. */
function recordOf(error: unknown): ErrorRecord {
  const record = tryProtocol()?.toErrorRecord(error);
  if (record !== undefined) return record;
  if (!(error instanceof Error)) return { name: 'NonError', message: typeof error };
  const { name, message, stack = '' } = error;
  return { name: String(name), message: String(message).slice(0, 10_000), stack: String(stack).slice(0, 10_000) };
}
