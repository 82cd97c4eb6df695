/**
 * A program with a channel that carries much, in surroundings that the test has made: `node channelProgram.js`, or with the
 * directory of a postmaster that it leaves alone. It prints as JSON what came of it, and then waits for nothing: if it
 * ends, nothing has kept it alive.
 */
import { connect, startPostmaster } from '../../src/index.js';
import { busyEcho } from './busyChannel.js';
import { echo } from './channelWorkers.js';

const [, , directory] = process.argv;
const client =
  directory === undefined
    ? await startPostmaster({ spareWorkers: 0, output: 'ignore', logLevel: 'silent' })
    : await connect({ directory });
const handle = await client.launch(echo);
const outcome = await busyEcho(handle);
process.stdout.write(JSON.stringify(outcome));
if (directory === undefined) await client.close();
