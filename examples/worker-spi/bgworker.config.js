/**
 * Two workers from the start: `npx bgworker start` in this folder. After a change of worker-spi.json, `bgworker reload`
 * (or SIGHUP) reads both files again: the workers take the new naptime, and there are as many as totalWorkers says.
 */
import { defineConfig } from 'bgworker';
import { staticWorkers } from './launch.js';

export default defineConfig({ workers: staticWorkers() });
