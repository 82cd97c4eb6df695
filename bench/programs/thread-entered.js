/** A thread: says when it was entered, and ends. */
import { parentPort } from 'node:worker_threads';

parentPort.postMessage(process.hrtime.bigint());
