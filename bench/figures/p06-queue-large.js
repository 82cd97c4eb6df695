/**
 * P6: large messages, one way, to another process: how many bytes a second get through the queue in messages of 64 KiB,
 * beside what Node itself has, and beside a plain copy within one process, of the same bytes into as large a ring.
 */
import { portLine, processLine, queueLines, sourcesOf } from '../queues.js';
import { inTurn } from '../rounds.js';

const LENGTH = 64 * 1024;
const OURS = 4_000;
const PORT = 1_000;
const CHILD = 300;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P6',
  title: 'messages of 64 KiB to another process, one way',
  rounds: 11,
  async measure({ rounds }) {
    const queue = await queueLines(LENGTH);
    const others = [await processLine('json', LENGTH), await processLine('advanced', LENGTH), await portLine(LENGTH)];
    const [json, advanced, port] = others;
    const gigabytes = async (count, line) => (count * LENGTH) / 1e6 / (await line(count));
    const measured = await inTurn(rounds, 'GB/s', {
      'queue, not flushed each, looked at where it lies': () => gigabytes(OURS, queue.drainViewsTogether),
      'queue, looked at where it lies': () => gigabytes(OURS, queue.drainViews),
      'queue, received as a copy': () => gigabytes(OURS, queue.drain),
      'process.send, json': () => gigabytes(CHILD, json.drain),
      'process.send, advanced': () => gigabytes(CHILD, advanced.drain),
      MessagePort: () => gigabytes(PORT, port.drain),
      'plain copy': () => gigabytes(OURS, copyPlainly),
    });
    for (const line of [queue, ...others]) await line.end();
    const value = measured.median('queue, looked at where it lies');
    const send = value / Math.max(measured.median('process.send, json'), measured.median('process.send, advanced'));
    const copy = value / measured.median('plain copy');
    return {
      value,
      unit: 'GB/s',
      ratios: {
        'process.send': send,
        MessagePort: value / measured.median('MessagePort'),
        'plain copy': copy,
      },
      goals: [
        { what: 'times process.send, the faster one', is: send, atLeast: 8 },
        { what: 'times a plain copy', is: copy, atLeast: 0.5 },
      ],
      sides: measured.sides(),
      limit: { what: 'a plain copy (Uint8Array.set)', value: measured.median('plain copy') },
      notes: [
        'Looked at where it lies, a message is copied once, by the sender; one in sixteen lies across the end of the ring ' +
          'and is copied again. What is received as a copy needs memory of its own for each, which costs more than the copy.',
        'On a busy machine a receiver that is faster than the sender goes to sleep after each message that is flushed, and ' +
          'has to be woken; not flushed each (`flush: false`), it gets a quarter of the ring at a time.',
      ],
    };
  },
};

const sources = sourcesOf(LENGTH);
const ring = new Uint8Array(1024 * 1024);

async function copyPlainly(count) {
  const from = performance.now();
  for (let turn = 0; turn < count; turn++) ring.set(sources[turn % sources.length], (turn * LENGTH) % ring.length);
  return performance.now() - from;
}
