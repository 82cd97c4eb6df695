/**
 * The third door of this folder, for `bgworker/parallel`: how a function is found among the exports of a module, which
 * its own worker processes do for each call. What the build has joined into boot.cjs is loaded a second time by it, and
 * may be: nothing here keeps anything.
 */
export { exportNames, findFunction, type WorkerFunction } from './exported.js';
export { isMadeOf } from './stopped.js';
