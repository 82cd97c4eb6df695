/**
 * A module that fails to load when it is told to: its first environment variable names a FIFO, and the first word
 * that comes through it says how. Until then it is a worker that is loading.
 */
import { readFileSync } from 'node:fs';

const word = readFileSync(process.env.BENCH_FIFO, 'utf8').trim();
if (word === 'exit') process.exit(3);
throw new Error(`told to fail: ${word}`);
