/**
 * `bgworker/worker`: what a module that contains workers imports. It is loaded in the worker's process as much as in
 * the process that starts it, so it imports nothing by itself: a value, and types.
 *
 * @module bgworker/worker
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

/** What a module knows of itself: `import.meta`, or in CommonJS `module`. */
export type OwnModule =
  | {
      /** Of `import.meta`. */
      readonly url: string;
    }
  | {
      /** Of CommonJS's `module`. */
      readonly filename: string;
    };

/**
 * Makes a worker of a function: a value that `run`, `launch` and `register` take, and from which the types of argument
 * and result follow. It must be exported by the module it is made in, under any name; the worker's process imports
 * that module and calls the function.
 *
 *     export const hash = defineWorker(import.meta, (ctx, text: string) => createHash('sha256').update(text).digest('hex'));
 *
 * In CommonJS: `exports.hash = defineWorker(module, (ctx, text) => …)`.
 */
export function defineWorker<Arg = void, Result = void>(
  module: OwnModule,
  fn: BackgroundWorkerFunction<Arg, Result>,
): WorkerValue<Arg, Result> {
  if (typeof fn !== 'function' || typeof module !== 'object' || module === null) {
    throw new TypeError('defineWorker takes import.meta (in CommonJS: module) and a function');
  }
  // Where bundlers write CommonJS, `import.meta` is empty. Such a worker can still be named, if not given as a value.
  const { url, filename } = module as { readonly url?: string; readonly filename?: string };
  return Object.freeze({ [brand]: Object.freeze({ module: url ?? filename, fn }) });
}

/** The brand of protocol/workerValue.ts, which would bring that whole folder into every worker's start. */
const brand: typeof import('../protocol/index.js').workerBrand = Symbol.for('bgworker.worker') as never;
