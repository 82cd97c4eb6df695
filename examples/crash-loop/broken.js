/** Fails every time. */
import { defineWorker } from 'bgworker/worker';

export const broken = defineWorker(import.meta, () => {
  throw new Error('the disk is full');
});
