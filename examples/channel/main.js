/** A conversation with a worker: values both ways, and both sides are told of the end. */
import { launch } from 'bgworker';
import { dictionary } from './dictionary.js';

const handle = await launch(dictionary);
const { channel } = handle;
for (const word of ['latch', 'epoch', 'unicorn']) {
  await channel.send(word);
  const { value } = await channel.receive();
  console.log(`${value.word}: ${value.meaning ?? 'no such word'}`);
}
await channel.end();
console.log('the other side:', await channel.waitForClose());
console.log('questions answered:', await handle.result());
