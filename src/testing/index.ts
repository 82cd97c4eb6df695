/**
 * `bgworker/testing`: for the tests of programs that use background workers. A postmaster without processes whose time
 * is in the test's hand, and a context for a worker's function alone. Works with any test runner.
 *
 * @module bgworker/testing
 */

export type { StopOrigin } from '../worker/withoutProcess.js';
export {
  createFakePostmaster,
  type FailNextStartOptions,
  FakePostmaster,
  type FakePostmasterSettings,
} from './fakePostmaster.js';
export { type FakeExit, FakeWorker } from './fakeWorker.js';
export type { FakeFunctions } from './functions.js';
export type { LogLine } from './logLine.js';
export type { StartFailure } from './startFailure.js';
export { createTestClock, TestClock } from './testClock.js';
export { createTestContext, TestContext, type TestContextOptions } from './testContext.js';
