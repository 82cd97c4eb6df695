/** The tasks of tasks.cjs as workers of ours. */
import { defineWorker } from '../../dist/src/worker/index.js';
import tasks from './tasks.cjs';

export const increment = defineWorker(import.meta, (_ctx, number) => tasks.increment(number));

export const burn = defineWorker(import.meta, (_ctx, work) => tasks.burn(work));
