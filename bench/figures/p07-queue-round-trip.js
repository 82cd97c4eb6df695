/**
 * P7: there and back: how long a message of 64 bytes takes to another process and back to us, when both sides wait for
 * it: on the event loop, and blocking.
 */
import { portLine, processLine, queueLines } from '../queues.js';
import { inTurn } from '../rounds.js';

const LENGTH = 64;
const TRIPS = 500;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P7',
  title: 'a message of 64 bytes to another process and back',
  rounds: 21,
  async measure({ rounds }) {
    const queue = await queueLines(LENGTH);
    const others = [await processLine('json', LENGTH), await processLine('advanced', LENGTH), await portLine(LENGTH)];
    const [json, advanced, port] = others;
    const microseconds = async (line) => ((await line(TRIPS)) * 1_000) / TRIPS;
    const measured = await inTurn(rounds, 'µs', {
      'queue, event loop': () => microseconds(queue.echo),
      'queue, blocking': () => microseconds(queue.echoBlocking),
      'process.send, json': () => microseconds(json.echo),
      'process.send, advanced': () => microseconds(advanced.echo),
      MessagePort: () => microseconds(port.echo),
    });
    for (const line of [queue, ...others]) await line.end();
    const value = measured.median('queue, event loop');
    const send = Math.min(measured.median('process.send, json'), measured.median('process.send, advanced'));
    const blocking = measured.median('queue, blocking');
    return {
      value,
      unit: 'µs',
      ratios: {
        'process.send': value / send,
        'blocking to process.send': blocking / send,
        MessagePort: value / measured.median('MessagePort'),
      },
      goals: [
        { what: 'times process.send, event loop', is: value / send, atMost: 1.0 },
        { what: 'times process.send, blocking', is: blocking / send, atMost: 0.3 },
      ],
      sides: measured.sides(),
      notes: [
        'Who waits looks for twenty microseconds before he sleeps, as long as that is worth it. With a processor for each ' +
          'side nobody sleeps and the limit is the cache, one to three microseconds; where they have to share one, each ' +
          'has to be woken by the system, some ten microseconds each way, and a blocking trip is two thirds of that of ' +
          'process.send.',
      ],
    };
  },
};
