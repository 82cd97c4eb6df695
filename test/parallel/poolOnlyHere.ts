/** A module that only a leader can import, and one of whose exports is not there in any other process. */
import { defineWorker } from '../../src/worker/index.js';

if (process.title.startsWith('bgworker: ')) throw new Error('only here');

export const missingThere = defineWorker(import.meta, () => 1);
