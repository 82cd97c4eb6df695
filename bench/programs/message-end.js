// The other end of a channel of Node itself, in a child or in a thread: queues.js says what is to be done.
import { parentPort } from 'node:worker_threads';
import { weightOf } from './object.js';

const post = parentPort === null ? (message) => process.send(message) : (message) => parentPort.postMessage(message);
let deed = 'wait';
let left = 0;
let taken = 0;
let sum = 0;
let atOnce = 0;

function heard(message) {
  if (deed === 'wait') {
    ({ do: deed, count: left, atOnce } = message);
    taken = 0;
    sum = 0;
    return post('ready');
  }
  left -= 1;
  if (deed === 'echo') post(message);
  else {
    sum += deed === 'weigh' ? weightOf(message) : 1;
    taken += 1;
    if (taken % atOnce === 0 || left === 0) post(sum);
  }
  if (left === 0) deed = 'wait';
}

if (parentPort === null) process.on('message', heard);
else parentPort.on('message', heard);
post('here');
