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

/** More than a processor has beside it: who sends the same bytes again and again measures his cache. */
const SOURCE_BYTES = 16 * 1024 * 1024;
const MOST_SOURCES = 1_024;

/** What is sent, in turn: the first byte counts. */
export function sourcesOf(length) {
  const count = Math.min(MOST_SOURCES, Math.ceil(SOURCE_BYTES / length));
  const bytes = new Uint8Array(count * length).fill(3);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * length, (index + 1) * length));
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
  const sources = sourcesOf(length);
  const message = (left) => sources[left % sources.length];
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
    for (let left = count; left > 0; left--) {
      if (sender.trySend(message(left)) !== 'sent') await sender.send(message(left));
    }
  };
  const together = async (count) => {
    for (let left = count; left > 0; left--) {
      if (sender.trySend(message(left), { flush: left === 1 }) !== 'sent') await sender.send(message(left));
    }
  };
  const awaiting = async (count) => {
    for (let left = count; left > 0; left--) await sender.send(message(left));
  };
  const blocking = async (count) => {
    for (let left = count; left > 0; left--) sender.sendBlocking(message(left));
  };
  return {
    drain: drainBy('take', trying),
    drainTogether: drainBy('take', together),
    drainViews: drainBy('takeViews', trying),
    drainViewsTogether: drainBy('takeViews', together),
    drainAwaiting: drainBy('forAwait', awaiting),
    drainBlocking: drainBy('takeBlocking', blocking),
    echo: echoBy('echo', async () => {
      await sender.send(message(1));
      return receiver.receive();
    }),
    echoBlocking: echoBy('echoBlocking', () => {
      sender.sendBlocking(message(1));
      return receiver.receiveBlocking();
    }),
    end: () => queues.end(),
  };
}

/** `process.send` with a serialization: 'json' is sent a string, 'advanced' bytes. */
export async function processLine(serialization, length) {
  const child = fork(program('message-end.js'), { serialization });
  await once(child, 'message');
  const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(length));
  return lineOver(serialization === 'json' ? texts : sourcesOf(length).map((bytes) => Buffer.from(bytes)), {
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
  return lineOver(
    sourcesOf(length).map((bytes) => bytes.slice()),
    {
      post: (message) => thread.postMessage(message),
      emitter: thread,
      end: async () => {
        await thread.terminate();
      },
    },
  );
}

/** So many are sent at once; then the other end says that it has them. Unlimited, they would fill the memory. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const MOST_AT_ONCE = 1_000;

function lineOver(sources, { post, emitter, end }) {
  const atOnce = Math.min(MOST_AT_ONCE, Math.ceil(WINDOW_BYTES / sources[0].length));
  return {
    async drain(count) {
      post({ do: 'take', count, atOnce });
      await once(emitter, 'message');
      const from = now();
      for (let sent = 0; sent < count; ) {
        const answer = once(emitter, 'message');
        const until = Math.min(count, sent + atOnce);
        for (; sent < until; sent++) post(sources[sent % sources.length]);
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
          check(answer.length === sources[0].length, 'another message');
          left -= 1;
          if (left > 0) return post(sources[0]);
          emitter.off('message', back);
          resolve();
        };
        emitter.on('message', back);
        post(sources[0]);
      });
      return milliseconds(from, now());
    },
    end,
  };
}
