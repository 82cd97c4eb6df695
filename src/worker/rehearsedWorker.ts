/**
 * The module of the job that a spare rehearses (rehearsal.ts): a worker that does what most do first, and gives back
 * its argument.
 */
import type { BackgroundWorkerFunction } from './workerContext.js';

const rehearsed: BackgroundWorkerFunction = async ({ signal }, arg) => (signal.aborted ? undefined : arg);
export default rehearsed;
