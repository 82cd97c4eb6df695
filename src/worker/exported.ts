/**
 * The function that a job names among the exports of its module, and what there is if it is not there. Part of every
 * worker's start, so it brings nothing with it.
 */
import type { WorkerValue, workerBrand } from '../protocol/index.js';

export type WorkerFunction = (ctx: never, arg: never) => unknown;

/** As in protocol/workerValue.ts, which would bring that whole folder into every worker's start. */
const brand: typeof workerBrand = Symbol.for('bgworker.worker') as never;

/**
 * The function that a job names among a module's exports. An export may be a function or a worker value (defineWorker).
 * Of a CommonJS module Node shows as own exports only those whose names it can see in the text; all of them stand in
 * its default export, so that is looked into too, and `default` of one that a compiler made of an ES module is the
 * `default` in there.
 */
export function findFunction(namespace: object, name: string): WorkerFunction | undefined {
  const inner = innerExports(namespace);
  for (const exports of name === 'default' ? [inner, namespace] : [namespace, inner]) {
    const exported: unknown = Object.hasOwn(exports, name) ? (exports as Record<string, unknown>)[name] : undefined;
    if (isWorkerValue(exported)) return exported[brand].fn;
    if (typeof exported === 'function') return exported as WorkerFunction;
  }
  return undefined;
}

/** What a reader can take in, and what a frame can hold. */
const MAX_EXPORTS_NAMED = 100;

export function exportNames(namespace: object): readonly string[] {
  const names = new Set([...Object.keys(namespace), ...Object.keys(innerExports(namespace))]);
  names.delete('module.exports'); // What newer versions of Node call the default export once more.
  return [...names].slice(0, MAX_EXPORTS_NAMED);
}

function isWorkerValue(value: unknown): value is WorkerValue<never> {
  return typeof value === 'object' && value !== null && brand in value;
}

function innerExports(namespace: object): object {
  const { default: inner } = namespace as { default?: unknown };
  return typeof inner === 'object' && inner !== null && !isWorkerValue(inner) ? inner : {};
}
