/**
 * P8: objects of ten fields, one way, to another process: how many a second get through a queue for values, both ends'
 * coding included, beside what Node itself has for objects.
 */
import { portOfObjects, processOfObjects, queueOfObjects } from '../objects.js';
import { inTurn } from '../rounds.js';

/** For each side what takes it some twenty milliseconds or more. */
const OURS = 20_000;
const PORT = 5_000;
const CHILD = 3_000;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P8',
  title: 'objects of ten fields to another process, one way',
  rounds: 11,
  async measure({ rounds }) {
    const queue = await queueOfObjects();
    const others = [await processOfObjects('advanced'), await processOfObjects('json'), await portOfObjects()];
    const [advanced, json, port] = others;
    const perSecond = async (count, drain) => count / 1_000 / (await drain(count));
    const measured = await inTurn(rounds, 'M objects/s', {
      queue: () => perSecond(OURS, queue.drain),
      'queue, await send and for await': () => perSecond(OURS, queue.drainAwaiting),
      'process.send, advanced': () => perSecond(CHILD, advanced.drain),
      'process.send, json': () => perSecond(CHILD, json.drain),
      MessagePort: () => perSecond(PORT, port.drain),
    });
    for (const line of [queue, ...others]) await line.end();
    const value = measured.median('queue');
    const send = value / measured.median('process.send, advanced');
    return {
      value,
      unit: 'M objects/s',
      ratios: {
        'process.send, advanced': send,
        'process.send, json': value / measured.median('process.send, json'),
        MessagePort: value / measured.median('MessagePort'),
      },
      goals: [{ what: "times process.send with serialization 'advanced'", is: send, atLeast: 3 }],
      sides: measured.sides(),
      notes: [
        'Of kinds that JSON has too: numbers, short strings, booleans, null. The same objects for all of them.',
        'The limit is the coding, not the queue: to make an object of ten fields, with its strings, takes most of the time.',
        'Ours: trySend and tryReceive, and await only where they would block. The others have a thousand objects under way.',
      ],
    };
  },
};
