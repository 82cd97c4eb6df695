/**
 * Finds the function that a job names among a module's exports. An export may be a function or a worker value
 * (defineWorker). Of a CommonJS module Node shows as own exports only those whose names it can see in the text; all of
 * them stand in its default export, so that is looked into too, and `default` of one that a compiler made of an ES
 * module is the `default` in there.
 */
import type { WorkerValue, workerBrand } from '../protocol/index.js';

export type WorkerFunction = (ctx: never, arg: never) => unknown;

export type FoundExport = { readonly fn: WorkerFunction } | { readonly exports: readonly string[] };

/** As in protocol/workerValue.ts, which would bring that whole folder into every worker's start. */
const brand: typeof workerBrand = Symbol.for('bgworker.worker') as never;

/** What a reader can take in, and what a frame can hold. */
const MAX_EXPORTS_NAMED = 100;

/** Gives the names there are, when there is no such function. */
export function findFunction(namespace: object, name: string): FoundExport {
  const inner = innerExports(namespace);
  for (const exports of name === 'default' ? [inner, namespace] : [namespace, inner]) {
    const fn = Object.hasOwn(exports, name) ? functionIn((exports as Record<string, unknown>)[name]) : undefined;
    if (fn !== undefined) return { fn };
  }
  const names = new Set([...Object.keys(namespace), ...Object.keys(inner)]);
  names.delete('module.exports'); // What newer versions of Node call the default export once more.
  return { exports: [...names].slice(0, MAX_EXPORTS_NAMED) };
}

function functionIn(exported: unknown): WorkerFunction | undefined {
  if (isWorkerValue(exported)) return exported[brand].fn;
  return typeof exported === 'function' ? (exported as WorkerFunction) : undefined;
}

function isWorkerValue(value: unknown): value is WorkerValue<never> {
  return typeof value === 'object' && value !== null && brand in value;
}

function innerExports(namespace: object): object {
  const { default: inner } = namespace as { default?: unknown };
  return typeof inner === 'object' && inner !== null && !isWorkerValue(inner) ? inner : {};
}
