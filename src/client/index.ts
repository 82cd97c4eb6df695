/**
 * The client: what a process uses to register background workers with a postmaster and to know what becomes of them.
 *
 * `index.ts` of the package shows users what of this is theirs; the rest is for the worker runtime and the CLI.
 */
export { type Carrier, loadCarrier, type MemoryOffer, type MemoryOwner } from './carrier.js';
export type { WorkerChannel } from './channel.js';
export {
  type Activity,
  Client,
  type CloseReason,
  type PostmasterStatus,
  type ShutdownOptions,
  type Spares,
} from './client.js';
export { type Config, type ConfigWorker, defineConfig } from './config.js';
export { type ConnectOptions, type ConnectThroughOptions, connect, connectThrough } from './connect.js';
export { clientFor, launch, register, run, tryRegister } from './defaultPostmaster.js';
export { POSTMASTER_FLAGS, startPostmaster } from './embedded.js';
export {
  type PackageCopy,
  PostmasterDiedError,
  ProtocolMismatchError,
  TooManyWorkersError,
  WorkerError,
  type WorkerReference,
  WorkerStartError,
} from './errors.js';
export { cleanExecArgv, cleanNodeOptions } from './execArgv.js';
export { describeScene, type Explanation, explainStop } from './explain.js';
export { directoryBeside, findDirectory, nearestConfig } from './findDirectory.js';
export {
  BackgroundWorkerHandle,
  type NotStarted,
  type PidAnswer,
  type ShutdownAnswer,
  type SignalOption,
  type StartupAnswer,
  type TerminateOptions,
  type WaitForShutdownOptions,
  type WaitForStartupOptions,
} from './handle.js';
export type { ClientLatch } from './latch.js';
export { linkToMemory, type MemoryAnswer, type MemoryLink, type MemoryQuestion } from './memoryLink.js';
export type { AnyModule, ArgAndOptions, ArgOf, ResultOf, ScriptVerbs, WorkerExport, WorkerModule } from './modules.js';
export type { ModuleLocation, ScriptOptions, WorkerOptions } from './registration.js';
export { causeOf } from './result.js';
export { type Lent, lendHere, type Runtime, runtime, type WorkerHome } from './runtime.js';
export {
  type ClassLimits,
  defineEarlyWorker,
  type Logger,
  type PostmasterSettings,
  type ReloadableSettings,
  resolvePreload,
  type WorkerSetting,
} from './settings.js';
export { type ExpectedPeer, expectedPeer, memoryLinkOf } from './sharedMemory.js';
export { checkPlatform } from './surroundings.js';
export type { LaunchOptions, RegisterOptions, RunOptions, WithArgs } from './verbs.js';
export { beginWait } from './waitEvents.js';
export { unlessAborted } from './waiting.js';
export type { Progress } from './watchedWorker.js';
export type {
  HandleStatus,
  PostmasterDied,
  Started,
  Stopped,
  WorkerEvent,
  WorkerStopReason,
} from './workerState.js';
export { hasReached } from './workerState.js';
export { theWorld, type Wire, type World } from './world.js';
