/** A worker that says when it was entered: alone in its file, since what a module imports is part of its start. */
import { defineWorker } from '../../dist/src/worker/index.js';

export const entered = defineWorker(import.meta, () => process.hrtime.bigint());
