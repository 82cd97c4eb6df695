/**
 * In a child: counts everything that it does to memory or to a bell, and kills the process before the step of a given
 * number. A copy of bytes has two steps: before it, and when half of the bytes are there. Reads of words are no steps:
 * whoever dies at one leaves the same behind as one who dies at the next write.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

let left = Number.POSITIVE_INFINITY;

function step(): void {
  left -= 1;
  if (left > 0) return;
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

/** The process does not survive the step of this number, from 1, that it takes from now on. */
export function dieBefore(number: number): void {
  left = number;
}

/** Once, before anything that is to be counted is called. */
export function countSteps(): void {
  for (const name of ['store', 'exchange', 'compareExchange', 'add', 'sub', 'and', 'or', 'xor']) {
    replace(Atomics, name, before);
  }
  const array = Object.getPrototypeOf(Uint8Array.prototype) as object;
  for (const name of ['copyWithin', 'fill', 'slice']) replace(array, name, before);
  replace(array, 'set', byHalves);
  replace(fs, 'writeSync', before);
  syncBuiltinESMExports();
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

function before(original: Method): Method {
  return function (...args) {
    step();
    return original.apply(this, args);
  };
}

function byHalves(original: Method): Method {
  return function (source, offset = 0) {
    step();
    if (source instanceof Uint8Array && source.length > 1) {
      original.call(this, source.subarray(0, source.length >> 1), offset);
      step();
    }
    return original.call(this, source, offset);
  };
}

function replace(owner: object, name: string, by: (original: Method) => Method): void {
  const methods = owner as Record<string, Method>;
  const original = methods[name];
  if (original === undefined) throw new Error(`there is no ${name}`);
  methods[name] = by(original);
}
