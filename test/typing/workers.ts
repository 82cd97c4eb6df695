/**
 * A module of two workers and a plain function, for the tests of the types.
 */
import { defineWorker } from '../../src/worker/index.js';

export const count = defineWorker(import.meta, (_ctx, arg: { readonly from: number }) => arg.from + 1);

export const greet = defineWorker(import.meta, async (_ctx, name: string): Promise<string> => `hello ${name}`);

export const idle = defineWorker(import.meta, () => {});

export const maybe = defineWorker(import.meta, (_ctx, arg?: number) => arg ?? null);

export function plain(_context: unknown, arg: boolean): 'yes' | 'no' {
  return arg ? 'yes' : 'no';
}

export const limit = 7;
