/**
 * What one would use without us, from Node itself: a child of `child_process.fork`, and a thread. Each gives when its
 * code was entered and when its first message was here, on the clock that all processes share.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { milliseconds, now } from './postmaster.js';

/** @param {string} name of a file in programs/ */
export function program(name) {
  return fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
}

export async function forkToFirstMessage() {
  const asked = now();
  const child = fork(program('fork-entered.js'), { stdio: 'ignore' });
  const exit = once(child, 'exit');
  const [said] = await once(child, 'message');
  const heard = now();
  await exit;
  return { 'first message': milliseconds(asked, heard), entered: milliseconds(asked, BigInt(said)) };
}

export async function threadToFirstMessage() {
  const asked = now();
  const thread = new Worker(program('thread-entered.js'));
  const exit = once(thread, 'exit');
  const [said] = await once(thread, 'message');
  const heard = now();
  await exit;
  return { 'first message': milliseconds(asked, heard), entered: milliseconds(asked, said) };
}
