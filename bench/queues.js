/**
 * Our message queue between this process and a child, and beside it what Node itself has for messages: a child of
 * `fork` with either serialization, and a thread. Each is started once; what is measured are messages, not starts.
 *
 * The other end does the same for all of them: it takes so many messages and says how many they were, or it sends each
 * back. Who answers wrongly is no side but an error.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Mapping, Member, MessageQueue, Segment } from '../dist/src/shm/index.js';
import { check, milliseconds, now } from './postmaster.js';
import { program } from './rivals.js';

/** Two of them are a small part of what a container has in /dev/shm. */
const RING_BYTES = 1024 * 1024;

/** What is sent: the first byte counts. */
function bytesOf(length) {
  return new Uint8Array(length).fill(3);
}

/** A queue there and one back, between this process and a child. */
export class Queues {
  #folder = mkdtempSync(join(tmpdir(), 'bgworker-queues-'));
  #member = new Member({ number: 1, doorbells: this.#folder });
  #file = join('/dev/shm', basename(this.#folder));

  async start() {
    const size = MessageQueue.sizeFor({ ringBytes: RING_BYTES });
    const mapping = await Mapping.create(this.#file, 2 * size);
    const segment = new Segment({ mapping, member: this.#member, name: this.#file, release: () => {} });
    const [there, back] = [0, size].map((at) =>
      MessageQueue.create(segment.chunk(at, size), { ringBytes: RING_BYTES }),
    );
    this.sender = there.sender();
    this.receiver = back.receiver();
    this.child = fork(program('queue-end.js'), [this.#folder, this.#file, String(2 * size)]);
    await this.receiver.waitForAttach();
  }

  /** The child's last word is in an object, since whoever awaits a promise awaits what it holds. */
  async begin(deed, count) {
    this.child.send({ do: deed, count });
    const [ready] = await once(this.child, 'message');
    check(ready === 'ready', ready);
    return { answer: once(this.child, 'message') };
  }

  async end() {
    const exit = once(this.child, 'exit');
    this.child.disconnect();
    await exit;
    this.#member.lose(new Error('the bench is over'));
    this.#member.close();
    unlinkSync(this.#file);
    rmSync(this.#folder, { recursive: true });
  }
}

/**
 * Ours, in the ways in which one may use it. Each takes how many messages and gives how many milliseconds they took.
 *
 * @param {number} length of a message
 */
export async function queueLines(length) {
  const queues = new Queues();
  await queues.start();
  const { sender, receiver } = queues;
  const message = bytesOf(length);
  const drainBy = (deed, send) => async (count) => {
    const { answer } = await queues.begin(deed, count);
    const from = now();
    await send(count);
    const [sum] = await answer;
    check(sum === 3 * count, `${sum} of ${count} messages`);
    return milliseconds(from, now());
  };
  const echoBy = (deed, trip) => async (count) => {
    const { answer } = await queues.begin(deed, count);
    const from = now();
    for (let left = count; left > 0; left--) {
      const back = await trip();
      if (back.length !== length || back[0] !== 3) check(false, 'another message');
    }
    const elapsed = milliseconds(from, now());
    await answer;
    return elapsed;
  };
  const trying = async (count) => {
    for (let left = count; left > 0; left--) if (sender.trySend(message) !== 'sent') await sender.send(message);
  };
  const together = async (count) => {
    for (let left = count; left > 0; left--) {
      if (sender.trySend(message, { flush: left === 1 }) !== 'sent') await sender.send(message);
    }
  };
  const awaiting = async (count) => {
    for (let left = count; left > 0; left--) await sender.send(message);
  };
  const blocking = async (count) => {
    for (let left = count; left > 0; left--) sender.sendBlocking(message);
  };
  return {
    drain: drainBy('take', trying),
    drainTogether: drainBy('take', together),
    drainViews: drainBy('takeViews', trying),
    drainAwaiting: drainBy('forAwait', awaiting),
    drainBlocking: drainBy('takeBlocking', blocking),
    echo: echoBy('echo', async () => {
      await sender.send(message);
      return receiver.receive();
    }),
    echoBlocking: echoBy('echoBlocking', () => {
      sender.sendBlocking(message);
      return receiver.receiveBlocking();
    }),
    end: () => queues.end(),
  };
}

/** `process.send` with a serialization: 'json' is sent a string, 'advanced' bytes. */
export async function processLine(serialization, length) {
  const child = fork(program('message-end.js'), { serialization });
  await once(child, 'message');
  return lineOver(serialization === 'json' ? 'c'.repeat(length) : Buffer.from(bytesOf(length)), {
    post: (message) => child.send(message),
    emitter: child,
    end: async () => {
      const exit = once(child, 'exit');
      child.disconnect();
      await exit;
    },
  });
}

/** A thread's MessagePort: bytes, copied. */
export async function portLine(length) {
  const thread = new Worker(program('message-end.js'));
  await once(thread, 'message');
  return lineOver(bytesOf(length), {
    post: (message) => thread.postMessage(message),
    emitter: thread,
    end: async () => {
      await thread.terminate();
    },
  });
}

/** So many are sent at once; then the other end says that it has them. Unlimited, they would fill the memory. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const MOST_AT_ONCE = 1_000;

function lineOver(message, { post, emitter, end }) {
  const atOnce = Math.min(MOST_AT_ONCE, Math.ceil(WINDOW_BYTES / message.length));
  return {
    async drain(count) {
      post({ do: 'take', count, atOnce });
      await once(emitter, 'message');
      const from = now();
      for (let sent = 0; sent < count; ) {
        const answer = once(emitter, 'message');
        const until = Math.min(count, sent + atOnce);
        for (; sent < until; sent++) post(message);
        const [taken] = await answer;
        check(taken === sent, `${taken} of ${sent} messages`);
      }
      return milliseconds(from, now());
    },
    async echo(count) {
      post({ do: 'echo', count });
      await once(emitter, 'message');
      const from = now();
      await new Promise((resolve) => {
        let left = count;
        const back = (answer) => {
          check(answer.length === message.length, 'another message');
          left -= 1;
          if (left > 0) return post(message);
          emitter.off('message', back);
          resolve();
        };
        emitter.on('message', back);
        post(message);
      });
      return milliseconds(from, now());
    },
    end,
  };
}
