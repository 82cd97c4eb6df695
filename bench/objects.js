/**
 * Objects to another process, as users send them: through our queue for values, and beside it what Node itself has. Who
 * takes them weighs each, and says what they weighed together, so nothing is lost, doubled or emptied unnoticed.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { toValueSender } from '../dist/src/dsm/index.js';
import { check, milliseconds, now } from './postmaster.js';
import { objectOf, weightOf } from './programs/object.js';
import { Queues } from './queues.js';
import { program } from './rivals.js';

/** Made beforehand and sent in turn; a power of 2. */
const objects = Array.from({ length: 256 }, (_, number) => objectOf(number));
const at = (number) => objects[number & 255];

function weightOfFirst(count) {
  const weights = objects.map(weightOf);
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  const rest = weights.slice(0, count % 256).reduce((sum, weight) => sum + weight, 0);
  return Math.floor(count / 256) * all + rest;
}

function checkWeight(weight, count) {
  check(weight === weightOfFirst(count), `${count} objects weighed ${weight}`);
}

/** Ours. Each way takes how many objects and gives how many milliseconds they took. */
export async function queueOfObjects() {
  const queues = new Queues();
  await queues.start();
  const sender = toValueSender(queues.sender);
  const drainBy = (deed, send) => async (count) => {
    const { answer } = await queues.begin(deed, count);
    const from = now();
    await send(count);
    const [weight] = await answer;
    checkWeight(weight, count);
    return milliseconds(from, now());
  };
  return {
    drain: drainBy('weigh', async (count) => {
      for (let sent = 0; sent < count; sent++) if (sender.trySend(at(sent)) !== 'sent') await sender.send(at(sent));
    }),
    drainAwaiting: drainBy('weighEach', async (count) => {
      for (let sent = 0; sent < count; sent++) await sender.send(at(sent));
    }),
    end: () => queues.end(),
  };
}

/** `process.send` with that serialization. */
export async function processOfObjects(serialization) {
  const child = fork(program('message-end.js'), { serialization });
  await once(child, 'message');
  return {
    drain: drainOver(child, (message) => child.send(message)),
    async end() {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  };
}

/** A thread's MessagePort. */
export async function portOfObjects() {
  const thread = new Worker(program('message-end.js'));
  await once(thread, 'message');
  return {
    drain: drainOver(thread, (message) => thread.postMessage(message)),
    async end() {
      await thread.terminate();
    },
  };
}

/** So many are under way; what is sent without end is kept in memory. */
const AT_ONCE = 1_000;

function drainOver(emitter, post) {
  return async (count) => {
    post({ do: 'weigh', count, atOnce: AT_ONCE });
    await once(emitter, 'message');
    const from = now();
    for (let sent = 0; sent < count; ) {
      const answer = once(emitter, 'message');
      const until = Math.min(count, sent + AT_ONCE);
      for (; sent < until; sent++) post(at(sent));
      const [weight] = await answer;
      checkWeight(weight, sent);
    }
    return milliseconds(from, now());
  };
}
