/**
 * Somebody else's clock: a process that watches a pid in a tight loop and says when it first saw it dead, on the
 * monotonic clock that all processes of the machine share. Plain Node has no pidfd to wait for.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { fixturePath } from './fixtures.js';

export class Observer {
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, (at: bigint) => void>();

  constructor() {
    this.#process = fork(fixturePath('truth/observer.mjs'));
    this.#process.on('message', ({ pid, at }: { pid: number; at: string }) => {
      this.#asked.get(pid)?.(BigInt(at));
      this.#asked.delete(pid);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** When the process was first seen dead, in nanoseconds of `process.hrtime`. */
  deathOf(pid: number): Promise<bigint> {
    return new Promise((resolve) => {
      this.#asked.set(pid, resolve);
      this.#process.send(pid);
    });
  }

  end(): void {
    this.#process.kill('SIGKILL');
  }
}
