/**
 * The fourth door of this folder, for `bgworker/parallel`: what of a worker's context a leader needs when it calls the
 * function itself. The third, forParallel.ts, is what its processes load on every start, and stays as small as that.
 */
export { makeLog } from './log.js';
export { every, sleep } from './pause.js';
