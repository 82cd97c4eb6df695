/**
 * A worker as a value: what `defineWorker` gives and `run`, `launch` and `register` take. It says which module it is
 * from; under which name that module exports it is found by looking, since nothing tells a value its own name. The
 * types of argument and result travel with it.
 *
 * It is here and not with defineWorker because both sides need it: worker makes and calls it, client reads it.
 */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BgworkerError, startLongTimer } from '../base/index.js';

/** Known to every copy of the package in a process, so that a value made by one is one to another. */
export const workerBrand: unique symbol = Symbol.for('bgworker.worker') as never;

/** A worker as a value, made by `defineWorker`: it can be given to `run`, `launch` and `register`, and says what they take. */
export interface WorkerValue<Arg = unknown, Result = unknown> {
  /** For the library. */
  readonly [workerBrand]: {
    /** The URL of the module that exports it, or its path; undefined where that module cannot know. */
    readonly module: string | undefined;
    /** What it is in its own process; the first parameter is the worker's context. */
    readonly fn: (context: never, arg: Arg) => Result | Promise<Result>;
    /** Only what is no worker has one. */
    readonly kind?: undefined;
  };
}

/** A worker, or what is made and found like one, and run by something else (parallel/entryPoint.ts). */
export interface ExportedValue {
  /** For the library. */
  readonly [workerBrand]: {
    /** As of a worker. */
    readonly module: string | undefined;
    /** As of a worker. */
    readonly fn: (context: never, arg: never) => unknown;
    /** Of a worker undefined. */
    readonly kind?: 'plan' | 'entryPoint' | undefined;
  };
}

/** Where a worker's process finds it. */
export interface WorkerPlace {
  /** A URL. */
  readonly module: string;
  readonly exportName: string;
}

export function isWorkerValue(value: unknown): value is WorkerValue<never> {
  return isExportedValue(value) && value[workerBrand].kind === undefined;
}

export function isExportedValue(value: unknown): value is ExportedValue {
  return typeof value === 'object' && value !== null && workerBrand in value;
}

/** What somebody gave instead of a worker, or of a plan or an entry point: for the detail of an error. */
export function describeGiven(value: unknown): string {
  if (isExportedValue(value)) {
    const { kind } = value[workerBrand];
    if (kind === 'plan') return 'a plan, which gather() and gatherMerge() run';
    if (kind === 'entryPoint') return 'an entry point, which a ParallelContext runs';
    return 'aggregate' in value
      ? 'an aggregate, which parallelReduce() takes'
      : 'a worker, which run() and parallelMap() take';
  }
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value === 'string') return `the text ${JSON.stringify(value)}`;
  if (Array.isArray(value)) return 'an array';
  const isModule = typeof value === 'object' && value !== null && 'launch' in value && 'run' in value;
  if (isModule) return "client.module(…), whose own verbs are to be called: .run('name', arg)";
  return typeof value === 'object' && value !== null
    ? `an object with ${Object.keys(value).join(', ') || 'no fields'}`
    : String(value);
}

/** Rejects with ERR_WORKER_NOT_EXPORTED. */
export async function findWorker(value: ExportedValue): Promise<WorkerPlace> {
  const module = moduleOf(value);
  if (module === undefined) {
    throw notExported(
      'its module has no import.meta.url, as is so in what bundlers write as CommonJS',
      "build it as ESM; or give its file an entry point of its own, and name it: client.module(path).run('name', arg)",
    );
  }
  return { module, exportName: await findExportName(value, module) };
}

/** The URL of its module; undefined where that module cannot know. */
export function moduleOf(value: ExportedValue): string | undefined {
  const { module } = value[workerBrand];
  return module !== undefined && isAbsolute(module) ? pathToFileURL(module).href : module;
}

/**
 * How long a module that was evaluated may need to give its namespace: microseconds, or one question to a loader's
 * thread. A module that is still being evaluated never answers a question that its own top level waits for.
 */
const NAMESPACE_WITHIN_MS = 1_000;

async function findExportName(value: unknown, module: string): Promise<string> {
  const namespace = await importWithin(module, NAMESPACE_WITHIN_MS).catch((error: unknown) => {
    throw notExported(
      `${module} cannot be imported: ${error instanceof Error ? error.message : String(error)}`,
      'put the worker into a file of its own; what came from -e or standard input cannot be loaded again',
    );
  });
  if (namespace === undefined) {
    throw notExported(
      `${module} is still being evaluated`,
      'move the worker to a module of its own: one that starts workers at its top level would start itself again',
    );
  }
  const name = nameIn(namespace, value);
  if (name !== undefined) return name;
  const exported = Object.entries(namespace);
  const isSecondCopy = exported.some(([, other]) => isExportedValue(other) && moduleOf(other) === module);
  throw notExported(
    `${module} exports ${exported.map(([known]) => known).join(', ') || 'nothing'}`,
    isSecondCopy
      ? "export it too; or, where a dev server or a test runner (Vite, Vitest) has loaded the module a second time, name it: client.module(url).run('name', arg)"
      : 'export it: export const …; if that is a bundle, make the file of the worker an entry point of its own',
  );
}

async function importWithin(module: string, withinMs: number): Promise<object | undefined> {
  return new Promise((resolve, reject) => {
    const timer = startLongTimer(withinMs, () => resolve(undefined));
    import(/* webpackIgnore: true */ /* @vite-ignore */ module).then(resolve, reject).finally(() => timer.stop());
  });
}

/** A CommonJS module's exports stand, as far as their names cannot be seen from outside, in its default export. */
function nameIn(namespace: object, value: unknown): string | undefined {
  for (const [name, exported] of Object.entries(namespace)) if (exported === value) return name;
  const { default: inner } = namespace as { default?: unknown };
  if (typeof inner !== 'object' || inner === null || isExportedValue(inner)) return undefined;
  for (const [name, exported] of Object.entries(inner)) if (exported === value) return name;
  return undefined;
}

function notExported(detail: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_WORKER_NOT_EXPORTED', 'worker is not an export of its module', { detail, hint });
}
