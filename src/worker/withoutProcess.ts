/**
 * The second door of this folder, for `bgworker/testing` alone: what it needs to run a worker's function without a
 * process. index.ts is what every worker loads, and brings none of it; no worker loads this file, so what the build has
 * joined into boot.cjs may be taken from here once more.
 */
export { exportNames, findFunction, type WorkerFunction } from './exported.js';
export { judgeImport } from './importFailure.js';
export { makeLog } from './log.js';
export { every, sleep, type Time } from './pause.js';
export { serializeResultChecked } from './resultGate.js';
export { isMadeOf, type StopOrigin, WorkerStopped } from './stopped.js';
