/**
 * A program with a channel that carries much, in surroundings that the test has made: `node channelProgram.js DIRECTORY`. It
 * prints as JSON what came of it, and then waits for nothing: if it ends, nothing has kept it alive.
 */
import { connect } from '../../src/index.js';
import { busyEcho } from './busyChannel.js';
import { echo } from './channelWorkers.js';

const client = await connect({ directory: process.argv[2] });
process.stdout.write(JSON.stringify(await busyEcho(await client.launch(echo))));
