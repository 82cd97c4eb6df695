/**
 * Somebody who has nothing to do with us and sees a process end: programs/observe.py, on a pidfd. Only with such a
 * witness can it be told how long we take from a death to the answer.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { program } from './rivals.js';

const NEEDS = 'import os; os.close(os.pidfd_open(os.getpid()))';

/** Why there can be no observer here; undefined when there can. */
export function whyNoObserver() {
  const { error, status } = spawnSync('python3', ['-c', NEEDS], { stdio: 'ignore' });
  if (error !== undefined) return 'there is no python3';
  return status === 0 ? undefined : 'python3 cannot open a pidfd (it takes Python 3.9 and Linux 5.3)';
}

export class Observer {
  #process = spawn('python3', ['-u', program('observe.py')], { stdio: ['pipe', 'pipe', 'inherit'] });
  #lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();

  /**
   * Resolves when the process is watched.
   *
   * @param {number} pid
   * @returns {Promise<{ ended: Promise<bigint> }>} when it ended, on the clock of `now`
   */
  async watch(pid) {
    this.#process.stdin.write(`${pid}\n`);
    const word = await this.#line();
    if (word !== 'watching') throw new Error(`the observer says ${word}`);
    return { ended: this.#line().then(BigInt) };
  }

  async close() {
    this.#process.stdin.end();
    await once(this.#process, 'exit');
  }

  async #line() {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the observer is gone');
    return value;
  }
}
