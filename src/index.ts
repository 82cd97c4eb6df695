/**
 * The front door: PostgreSQL's dynamic background workers for Node.js.
 *
 * `run` and `launch` need no set-up. `startPostmaster` gives a client with a postmaster of its own, `connect` one of a
 * postmaster that is there. A worker is made by `defineWorker`, which is in `bgworker/worker`, so that a worker does
 * not load what only clients need.
 */
export { BgworkerError } from './base/index.js';
export {
  type Activity,
  type ArgOf,
  BackgroundWorkerHandle,
  Client,
  type ClientLatch,
  type CloseReason,
  type ConnectOptions,
  connect,
  type HandleStatus,
  type LaunchOptions,
  type LimitSettings,
  type Logger,
  launch,
  type ModuleLocation,
  type PidAnswer,
  type PostmasterDied,
  PostmasterDiedError,
  type PostmasterSettings,
  type Progress,
  ProtocolMismatchError,
  type RegisterOptions,
  type ResultOf,
  type RunOptions,
  register,
  run,
  type ScriptOptions,
  type ScriptVerbs,
  type ShutdownAnswer,
  type SignalOption,
  type Spares,
  type Started,
  type StartupAnswer,
  type Stopped,
  startPostmaster,
  type TerminateOptions,
  TooManyWorkersError,
  tryRegister,
  type WaitForShutdownOptions,
  type WaitForStartupOptions,
  type WorkerChannel,
  WorkerError,
  type WorkerEvent,
  type WorkerModule,
  type WorkerOptions,
  type WorkerReference,
  type WorkerSetting,
  WorkerStartError,
  type WorkerStopReason,
} from './client/index.js';
export type { ErrorRecord, Phase, ShutdownMode, StartedFrom, StopKind } from './core/index.js';
export type { ChannelEnding, LatchEvent, LatchWaitOptions, ReceiveOptions, WorkerValue } from './protocol/index.js';
