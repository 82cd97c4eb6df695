/**
 * P5: small messages, one way, to another process: how many of 64 bytes a second get through the queue, beside what
 * Node itself has. The receiver looks at each; in the end it says what it got.
 */
import { portLine, processLine, queueLines } from '../queues.js';
import { inTurn } from '../rounds.js';

const LENGTH = 64;
/** For each side what takes it some twenty milliseconds or more. */
const OURS = 100_000;
const PORT = 20_000;
const CHILD = 6_000;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P5',
  title: 'messages of 64 bytes to another process, one way',
  rounds: 11,
  async measure({ rounds }) {
    const queue = await queueLines(LENGTH);
    const others = [await processLine('json', LENGTH), await processLine('advanced', LENGTH), await portLine(LENGTH)];
    const [json, advanced, port] = others;
    const perSecond = async (count, line) => count / 1_000 / (await line(count));
    const measured = await inTurn(rounds, 'M messages/s', {
      queue: () => perSecond(OURS, queue.drain),
      'queue, flushed now and then': () => perSecond(OURS, queue.drainTogether),
      'queue, blocking': () => perSecond(OURS, queue.drainBlocking),
      'queue, await send and for await': () => perSecond(OURS, queue.drainAwaiting),
      'process.send, json': () => perSecond(CHILD, json.drain),
      'process.send, advanced': () => perSecond(CHILD, advanced.drain),
      MessagePort: () => perSecond(PORT, port.drain),
    });
    for (const line of [queue, ...others]) await line.end();
    const value = measured.median('queue');
    const send = value / Math.max(measured.median('process.send, json'), measured.median('process.send, advanced'));
    const messagePort = value / measured.median('MessagePort');
    return {
      value,
      unit: 'M messages/s',
      ratios: { 'process.send': send, MessagePort: messagePort },
      goals: [
        { what: 'times process.send, the faster one', is: send, atLeast: 20 },
        { what: 'times MessagePort', is: messagePort, atLeast: 8 },
      ],
      sides: measured.sides(),
      notes: [
        'The limit is the cache: each message that is flushed takes a line of it from one processor to the other and the ' +
          'counter besides. `flushed now and then` publishes a quarter of the ring at once.',
        'Ours: trySend and tryReceive, and await only where they would block; the message is copied twice. The others ' +
          'have a thousand messages under way, since what they are sent without end they keep in memory.',
      ],
    };
  },
};
