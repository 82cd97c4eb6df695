/**
 * Work of a known length, for figures about how much faster several processes do it: how many turns of `burn` take how
 * long here, the loop that everything is compared with, and two processes of which each does its half and nobody is asked
 * for more. What these two reach is what the machine allows.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { check } from './postmaster.js';
import tasks from './programs/tasks.cjs';
import { program } from './rivals.js';

const TRIAL_TURNS = 2_000_000;
const TRIALS = 8;

/** How many turns take a microsecond: of several trials the fastest, since the others had to share the processor. */
export function turnsPerMicrosecond() {
  const rates = Array.from({ length: TRIALS }, (_, trial) => {
    const from = performance.now();
    check(tasks.burn([trial, TRIAL_TURNS]) !== 0, 'no number of xorshift leads to 0');
    return TRIAL_TURNS / (1_000 * (performance.now() - from));
  });
  return Math.max(...rates);
}

/**
 * @param {number} count
 * @param {number} turns of each
 * @returns {[seed: number, turns: number][]}
 */
export function workOf(count, turns) {
  return Array.from({ length: count }, (_, number) => [number * 2 + 1, Math.max(1, Math.round(turns))]);
}

/** What one would write without any of this. Gives the results too, which others are checked against. */
export function loop(items) {
  const from = performance.now();
  const results = items.map(tasks.burn);
  return { ms: performance.now() - from, results };
}

export function checkBurnt(name, results, expected) {
  const wrong = expected.findIndex((result, index) => results[index] !== result);
  check(wrong === -1 && results.length === expected.length, `${name}: item ${wrong} is ${results[wrong]}`);
}

/** Two processes that are up, and have done such work before. */
export async function twoProcesses() {
  const children = [0, 1].map(() => fork(program('share.js'), { serialization: 'advanced' }));
  await Promise.all(children.map((child) => once(child, 'message')));
  const share = async (child, items) => {
    const answer = once(child, 'message');
    child.send(items);
    return (await answer)[0];
  };
  return {
    /** Gives the milliseconds. */
    async map(items, expected) {
      const half = Math.ceil(items.length / 2);
      const from = performance.now();
      const [first, second] = children;
      const parts = await Promise.all([share(first, items.slice(0, half)), share(second, items.slice(half))]);
      const ms = performance.now() - from;
      checkBurnt('two processes', parts.flat(), expected);
      return ms;
    },
    async end() {
      const exits = children.map((child) => once(child, 'exit'));
      for (const child of children) child.disconnect();
      await Promise.all(exits);
    },
  };
}
