// The other end of our queues: queues.js says what is to be done.
import { toValueReceiver } from '../../dist/src/dsm/index.js';
import { Mapping, Member, MessageQueue, Segment } from '../../dist/src/shm/index.js';
import { weightOf } from './object.js';

const [, , folder, file, sizeBytes] = process.argv;
const member = new Member({ number: 2, doorbells: folder });
const mapping = Mapping.attach(file, Number(sizeBytes));
const segment = new Segment({ mapping, member, name: file, release: () => {} });
const size = Number(sizeBytes) / 2;
const receiver = MessageQueue.attach(segment.chunk(0, size)).receiver();
const sender = MessageQueue.attach(segment.chunk(size, size)).sender();

const values = toValueReceiver(receiver);

const deeds = {
  async take(count) {
    let sum = 0;
    for (let left = count; left > 0; left--) {
      let message = receiver.tryReceive();
      if (typeof message === 'string') message = await receiver.receive();
      sum += message[0];
    }
    return sum;
  },
  async takeViews(count) {
    let sum = 0;
    for (let left = count; left > 0; left--) {
      let message = receiver.tryReceiveView();
      if (typeof message === 'string') message = await receiver.receiveView();
      sum += message[0];
    }
    return sum;
  },
  async forAwait(count) {
    let sum = 0;
    let left = count;
    for await (const message of receiver) {
      sum += message[0];
      left -= 1;
      if (left === 0) break;
    }
    return sum;
  },
  takeBlocking(count) {
    let sum = 0;
    for (let left = count; left > 0; left--) sum += receiver.receiveBlocking()[0];
    return sum;
  },
  async echo(count) {
    for (let left = count; left > 0; left--) await sender.send(await receiver.receive());
    return 0;
  },
  echoBlocking(count) {
    for (let left = count; left > 0; left--) sender.sendBlocking(receiver.receiveBlocking());
    return 0;
  },
  async weigh(count) {
    let sum = 0;
    for (let left = count; left > 0; left--) sum += weightOf((values.tryReceive() ?? (await values.receive())).value);
    return sum;
  },
  async weighEach(count) {
    let sum = 0;
    let left = count;
    for await (const value of values) {
      sum += weightOf(value);
      left -= 1;
      if (left === 0) break;
    }
    return sum;
  },
};

process.on('message', async ({ do: deed, count }) => {
  process.send('ready');
  process.send(await deeds[deed](count));
});
