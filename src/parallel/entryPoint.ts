/**
 * What participants of parallel work run, as values: an entry point, which does something, and a plan, which gives rows.
 * They are made and found as workers are (`defineWorker`): a worker process imports the module and looks for the export.
 *
 * Loaded in workers with the modules of users, so it imports nothing but types.
 */
import type { workerBrand } from '../protocol/index.js';
import type { OwnModule } from '../worker/index.js';
import type { Participant } from './participant.js';

/** What each worker of a ParallelContext runs. PostgreSQL: parallel_worker_main_type. */
export interface EntryPoint<Arg = void> {
  /** For the library. */
  readonly [workerBrand]: {
    /** The URL of the module that exports it, or its path; undefined where that module cannot know. */
    readonly module: string | undefined;
    /** What it is in its own process. */
    readonly fn: (participant: Participant, arg: Arg) => void | Promise<void>;
    /** So that nobody takes it for a worker. */
    readonly kind: 'entryPoint';
  };
}

/** What the participants of a gather run, each of which gives some of the rows. PostgreSQL: a partial plan. */
export interface Plan<Arg = void, Row = unknown> {
  /** For the library. */
  readonly [workerBrand]: {
    /** The URL of the module that exports it, or its path; undefined where that module cannot know. */
    readonly module: string | undefined;
    /** What it is in its own process. */
    readonly fn: (participant: Participant, arg: Arg) => Iterable<Row> | AsyncIterable<Row>;
    /** So that nobody takes it for a worker. */
    readonly kind: 'plan';
  };
}

/** The brand of protocol/workerValue.ts, which would bring that whole folder into every worker. */
const brand: typeof workerBrand = Symbol.for('bgworker.worker') as never;

/**
 * Makes an entry point of a function: what the workers of a `ParallelContext` run. Like a worker (`defineWorker`) it must be
 * exported by the module it is made in, under any name, and that module starts no parallel work when it is imported.
 *
 *     export const fill = defineEntryPoint(import.meta, ({ contents, number }, arg: { rows: number }) => { … });
 */
export function defineEntryPoint<Arg = void>(
  module: OwnModule,
  fn: (participant: Participant, arg: Arg) => void | Promise<void>,
): EntryPoint<Arg> {
  return { [brand]: define('entryPoint', 'defineEntryPoint', module, fn) };
}

/**
 * Makes a plan of a function that gives rows, mostly a generator: what `gather` runs in workers and leader. Exported as an
 * entry point is. All participants together must give each row once, however many there are.
 *
 *     export const lines = definePlan(import.meta, function* ({ scan }, arg: { file: string }) { … yield line; … });
 */
export function definePlan<Arg = void, Row = unknown>(
  module: OwnModule,
  fn: (participant: Participant, arg: Arg) => Iterable<Row> | AsyncIterable<Row>,
): Plan<Arg, Row> {
  return { [brand]: define('plan', 'definePlan', module, fn) };
}

function define<Kind extends string, Fn>(
  kind: Kind,
  maker: string,
  module: OwnModule,
  fn: Fn,
): { readonly module: string | undefined; readonly fn: Fn; readonly kind: Kind } {
  if (typeof fn !== 'function' || typeof module !== 'object' || module === null) {
    throw new TypeError(`${maker} takes import.meta (in CommonJS: module) and a function`);
  }
  const { url, filename } = module as { readonly url?: string; readonly filename?: string };
  return Object.freeze({ module: url ?? filename, fn, kind });
}
