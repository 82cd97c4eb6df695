/** As fails-on-word.js, for a child of `child_process.fork`. */
import { readFileSync } from 'node:fs';

readFileSync(process.env.BENCH_FIFO, 'utf8');
process.exit(3);
