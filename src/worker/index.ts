/**
 * `bgworker/worker`: what a module that contains workers imports. It is loaded in the worker's process as much as in
 * the process that starts it, so it imports nothing by itself: a value, and types.
 */
import type { WorkerValue } from '../protocol/index.js';
import type { BackgroundWorkerFunction } from './workerContext.js';

export type { WorkerValue } from '../protocol/index.js';
export type { Log, LogFields, LogFunction } from './log.js';
export type {
  BackgroundWorkerFunction,
  ContextLatch,
  WorkerChannel,
  WorkerContext,
  WorkerEntry,
} from './workerContext.js';

/**
 * Makes a worker of a function: a value that `run`, `launch` and `register` take, and from which the types of argument
 * and result follow. It must be exported by the module it is made in, under any name; the worker's process imports
 * that module and calls the function.
 *
 *     export const hash = defineWorker(import.meta, (ctx, text: string) => createHash('sha256').update(text).digest('hex'));
 *
 * In CommonJS: `exports.hash = defineWorker({ url: pathToFileURL(__filename).href }, …)`.
 */
export function defineWorker<Arg = void, Result = void>(
  module: { readonly url: string },
  fn: BackgroundWorkerFunction<Arg, Result>,
): WorkerValue<Arg, Result> {
  if (typeof fn !== 'function' || typeof module?.url !== 'string') {
    throw new TypeError('defineWorker takes import.meta and a function');
  }
  return Object.freeze({ [brand]: Object.freeze({ module: module.url, fn }) });
}

/** The brand of protocol/workerValue.ts, which would bring that whole folder into every worker's start. */
const brand: typeof import('../protocol/index.js').workerBrand = Symbol.for('bgworker.worker') as never;
