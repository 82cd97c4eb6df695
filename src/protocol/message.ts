/**
 * Every message there is, in both conversations: client and postmaster over the socket, worker and postmaster over two
 * descriptors that the worker is born with. A message is a JSON header plus attachments, bytes that nobody on the way
 * looks at; frame.ts turns it into bytes and back, schema.ts says whether what came is one of these.
 *
 * An instant inside a message is on the postmaster's monotonic clock; `now` beside it is that clock at sending, so the
 * reader can tell how long ago it was without trusting anybody's calendar.
 */
import type {
  ActivityRow,
  BackgroundWorker,
  BackgroundWorkerInput,
  ErrorRecord,
  ListChange,
  Refusal,
  Saying,
  SegmentRow,
  SegmentsUse,
  ShutdownMode,
  SparesActivity,
  StopOrder,
  WorkerHandle,
  WorkerKey,
  WorkerStatus,
} from '../core/index.js';

/** Raised when an older peer could misunderstand a newer one, whatever their versions: see versions.ts. */
export const PROTOCOL_VERSION = 1;

/** Who speaks: said first by both sides, and named in the refusal when they cannot understand each other. */
export interface Introduction {
  readonly protocol: number;
  /** Version of the package and where it lies, so that a refusal can name both copies. */
  readonly package: string;
  readonly path: string;
  readonly node: string;
  readonly pid: number;
}

/** What of it decides whether two copies may talk to each other: see versions.ts. */
export type Version = Pick<Introduction, 'protocol' | 'package'>;

/** Where bytes stand: the index of an attachment of the same frame. */
export type AttachmentIndex = number;

/**
 * Data of a channel, in both conversations. `more` says that the message goes on in the next frame; the bytes are the
 * frame's only attachment. Nobody sends more than the other side has granted by `channelCredit`, so no one on the way
 * ever holds more than a window of it.
 */
export type ChannelContent =
  | { readonly type: 'channelData'; readonly more: boolean }
  | { readonly type: 'channelCredit'; readonly bytes: number }
  /** This side will send nothing more. */
  | { readonly type: 'channelEnd' };

/** How the two ends of a channel agree to go on in shared memory: protocol/channelRoute.ts. */
export type ChannelRouting =
  /** From the client: here is memory for it. */
  | { readonly type: 'channelOffer'; readonly segment: string }
  /** What this side says from here on, it says there; but for its `channelEnd`, which is said here as well. */
  | { readonly type: 'channelMove' }
  /** From the worker: it stays as it is, and why, for people. */
  | { readonly type: 'channelStay'; readonly because: string };

export type ChannelMessage = ChannelContent | ChannelRouting;

/** From a client. `request` numbers are the client's own and count up from 1. */
export type ClientMessage =
  | ({
      readonly type: 'hello';
      /** Random, the same for all connections of one client: part of the key of a registration. */
      readonly session: string;
      /** The worker this client lives in. */
      readonly worker: WorkerKey | null;
      /** It comes only to shut the postmaster down, and is welcome for that whatever its version. */
      readonly purpose?: 'shutdown';
    } & Introduction)
  | {
      readonly type: 'register';
      readonly request: number;
      readonly key: string;
      /** What is at its default is left out. `mainArg` of kind bytes travels as attachment 0. */
      readonly worker: BackgroundWorkerInput;
      readonly waitForSlot: boolean;
    }
  | { readonly type: 'withdraw'; readonly request: number }
  | ({ readonly type: 'status'; readonly request: number } & WorkerKey)
  | ({ readonly type: 'watch'; readonly request: number } & WorkerKey)
  | ({ readonly type: 'unwatch' } & WorkerKey)
  | { readonly type: 'watchAll'; readonly request: number }
  | { readonly type: 'unwatchAll' }
  /** The workers in slots from this one on; as many as fit into an answer. */
  | { readonly type: 'activity'; readonly request: number; readonly from: number }
  | { readonly type: 'spares'; readonly request: number }
  | ({ readonly type: 'terminate'; readonly request: number; readonly timeoutMs: number | null } & WorkerKey)
  | ({ readonly type: 'restart'; readonly request: number } & WorkerKey)
  /** `waits`: this client stays only to see the end, so a smart shutdown does not wait for it. */
  | { readonly type: 'shutdown'; readonly request: number; readonly mode: ShutdownMode; readonly waits: boolean }
  /** With settings: changes these. Null: reads the configuration again, where there is one. Answered by `reloaded`. */
  | {
      readonly type: 'reload';
      readonly request: number;
      readonly settings: { readonly [name: string]: unknown } | null;
    }
  /** Asks for the facts about the postmaster itself. */
  | { readonly type: 'postmaster'; readonly request: number }
  /** Asks for this side of a worker's channel; the answer is `done`, or `refused` when somebody else has it. */
  | ({ readonly type: 'channelOpen'; readonly request: number } & WorkerKey)
  | (ChannelMessage & WorkerKey)
  | MemoryMessage;

/** From a client, about shared memory. All but the first are refused to who has not joined. */
export type MemoryMessage =
  /** Makes this connection a member; asked again, it is the same one. Answered by `memory`. */
  | { readonly type: 'memoryJoin'; readonly request: number }
  /** Answered by `segment`; the asker makes the file, or says `segmentDetach` when it cannot. */
  | { readonly type: 'segmentCreate'; readonly request: number; readonly sizeBytes: number }
  /**
   * Answered by `segment`, once the memory is ready. Who is told `created` makes it ready and says
   * `segmentInitialised`, or `segmentDetach` when it cannot: then the next who asked is told `created`.
   */
  | { readonly type: 'segmentNamed'; readonly request: number; readonly name: string; readonly sizeBytes: number }
  | { readonly type: 'segmentInitialised'; readonly request: number; readonly id: number }
  /** Answered by `segment`. */
  | { readonly type: 'segmentAttach'; readonly request: number; readonly id: number }
  | { readonly type: 'segmentPin'; readonly request: number; readonly id: number }
  | { readonly type: 'segmentUnpin'; readonly request: number; readonly id: number }
  /** The segments with numbers from this one on, or all; as many as fit into an answer. */
  | { readonly type: 'segmentList'; readonly request: number; readonly from?: number }
  | { readonly type: 'segmentDetach'; readonly id: number };

/** To a client. */
export type PostmasterMessage =
  | ({ readonly type: 'welcome'; readonly epoch: string; readonly directory: string } & Introduction)
  /** The last message of a connection that the postmaster ends. Of a `protocolMismatch` it says who the postmaster is. */
  | {
      readonly type: 'goodbye';
      readonly reason: GoodbyeReason;
      readonly refusal: GoodbyeDetail;
      readonly postmaster?: Introduction;
    }
  | {
      readonly type: 'registered';
      readonly request: number;
      readonly existing: boolean;
      readonly now: number;
      readonly status: WireStatus;
    }
  | { readonly type: 'refused'; readonly request: number; readonly refusal: Refusal | GoodbyeDetail }
  | { readonly type: 'status'; readonly request: number; readonly now: number; readonly status: WireStatus }
  | {
      readonly type: 'activity';
      readonly request: number;
      readonly now: number;
      readonly epoch: string;
      readonly pid: number;
      readonly rows: readonly ActivityRow[];
      /** The slot to ask from for the rest; null when that was all. */
      readonly next: number | null;
    }
  | { readonly type: 'spares'; readonly request: number; readonly now: number; readonly spares: SparesActivity }
  | { readonly type: 'postmaster'; readonly request: number; readonly now: number; readonly facts: PostmasterFacts }
  | { readonly type: 'reloaded'; readonly request: number; readonly report: ReloadReport }
  | { readonly type: 'done'; readonly request: number }
  | { readonly type: 'notify'; readonly now: number; readonly status: WireStatus }
  | ({ readonly type: 'progress'; readonly done: number; readonly total: number | null } & WorkerKey)
  /** The run it spoke to is over; all that the worker sent has come before this. */
  | ({ readonly type: 'channelClosed' } & WorkerKey)
  | (ChannelMessage & WorkerKey)
  | {
      readonly type: 'memory';
      readonly request: number;
      /** The asker's number, in shared words and as the name of its doorbell; no other has it while this postmaster lives. */
      readonly member: number;
      /** The folder of the doorbells. */
      readonly doorbells: string;
    }
  | {
      readonly type: 'segment';
      readonly request: number;
      readonly id: number;
      readonly sizeBytes: number;
      readonly file: string;
      /** The asker has to make the file. */
      readonly created: boolean;
    }
  | {
      readonly type: 'segments';
      readonly request: number;
      readonly rows: readonly SegmentRow[];
      /** The number to ask from for the rest; null when that was all. */
      readonly next: number | null;
    }
  /** The connection of a member with whom the reader shared a segment has ended. */
  | { readonly type: 'memberGone'; readonly member: number };

/** What a postmaster says of itself. Instants are on its monotonic clock. */
export interface PostmasterFacts {
  readonly package: string;
  /** The folder of the package it runs. */
  readonly path: string;
  /** The version of its Node. */
  readonly node: string;
  /** Its process. */
  readonly pid: number;
  /** Which postmaster it is: no other has the same. */
  readonly epoch: string;
  /** Where it listens. */
  readonly directory: string;
  readonly startedAt: number;
  /** `waitingForClients`: a smart shutdown is under way. */
  readonly state: 'running' | 'waitingForClients' | 'stopping';
  /** How full it is. */
  readonly slots: { readonly used: number; readonly max: number };
  /** The same, by class. */
  readonly classes: {
    readonly [name: string]: { readonly used: number; readonly max: number; readonly reserved: number };
  };
  /** Registrations that wait for a slot. */
  readonly waiting: number;
  /** Connections, the asker's own included. */
  readonly clients: number;
  /** Of shared memory. */
  readonly segments: SegmentsUse;
  /** Null where there is none. */
  readonly configFile: string | null;
  /** Where it writes its lines and what workers print; null: to its own standard output and error. */
  readonly logFile: string | null;
  /** Of the last reload of the configuration that was good. */
  readonly reloadedAt: number | null;
  /** Every setting, with the value that holds now. */
  readonly settings: { readonly [name: string]: unknown };
}

/** What a reload changed. */
export interface ReloadReport {
  /** Settings that were taken. */
  readonly changed: readonly SettingChange[];
  /** Other than before, and not taken: they hold from the start of a postmaster to its end. */
  readonly needRestart: readonly SettingChange[];
  /** What became of each worker of the list, and of those that are no longer on it. */
  readonly workers: readonly ListChange[];
}

/** A setting that is another one now. */
export interface SettingChange {
  /** The setting's. */
  readonly name: string;
  /** What held before. */
  readonly from: unknown;
  /** What the configuration says now. */
  readonly to: unknown;
}

/** A status whose result, if it has bytes, travels as attachment 0. */
export type WireStatus = Omit<WorkerStatus, 'result'> & {
  readonly result: { readonly state: 'bytes' } | Exclude<WorkerStatus['result'], { state: 'bytes' }>;
};

export type GoodbyeReason =
  | 'shutdown'
  /** What came was not a message, or not one that this side may send. */
  | 'protocolViolation'
  /** The two sides speak different versions. */
  | 'protocolMismatch'
  /** New connections are refused during a shutdown. */
  | 'shuttingDown';

export interface GoodbyeDetail {
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

/** From a worker, on descriptor 3. */
export type WorkerMessage =
  | ({ readonly type: 'hello' } & Introduction)
  /** A spare: what was to be preloaded is loaded, and it waits for its job. */
  | { readonly type: 'idle' }
  /** A spare: it cannot take on the job it was given, has done nothing of it, and ends. */
  | { readonly type: 'refused'; readonly because: SpareRefusal }
  /** It has its job, and the module comes next. For a spare this is the acknowledgement. */
  | { readonly type: 'loading' }
  | { readonly type: 'entered' }
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly done: number; readonly total: number | null }
  /** What it waits for, by the name that docs/wait-events.md gives it; null when it waits no more. */
  | { readonly type: 'waitEvent'; readonly event: string | null }
  /** The bytes of a returned result are attachment 0. */
  | { readonly type: 'said'; readonly saying: WireSaying }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: { readonly [name: string]: unknown } | null;
    }
  | ChannelMessage;

export type SpareRefusal =
  /** A file that it had preloaded is no longer what it was. */
  | { readonly why: 'stale'; readonly file: string }
  /** The system did not let it become that worker's process; the same would have kept a new process from being made. */
  | { readonly why: 'system'; readonly errno: string; readonly what: string };

export type WireSaying =
  | Exclude<Saying, { word: 'returned' }>
  | { readonly word: 'returned'; readonly asked: boolean; readonly result: WireStatus['result'] };

/** As pino names them. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** To a worker, on descriptor 4. */
export type OrderMessage =
  | {
      readonly type: 'job';
      readonly handle: WorkerHandle;
      readonly attempt: number;
      /** `mainArg` of kind bytes travels as attachment 0. */
      readonly worker: BackgroundWorker;
      /** The postmaster's directory. */
      readonly directory: string;
      readonly postmaster: Version;
    }
  /** The first message to a process that has no job yet: be a spare. The modules are file URLs. */
  | { readonly type: 'spare'; readonly preload: readonly string[]; readonly postmaster: Version }
  /** To a spare that is idle: nothing is to be done. What a job will pass through has been passed through once then. */
  | { readonly type: 'rehearsal' }
  | { readonly type: 'terminate'; readonly order: StopOrder }
  | { readonly type: 'reload' }
  /** The other side of the channel is gone. */
  | { readonly type: 'channelClosed' }
  | ChannelMessage;

/** Between the process that embeds a postmaster and the postmaster, on descriptor 3 of the latter. */
export type EmbeddedMessage =
  /** From the host, once. */
  | { readonly type: 'settings'; readonly settings: unknown }
  /** From the postmaster: it listens, or it could not start. */
  | { readonly type: 'listening'; readonly directory: string; readonly epoch: string; readonly pid: number }
  | { readonly type: 'failed'; readonly error: ErrorRecord & { readonly detail?: string; readonly hint?: string } }
  /** A line for the host's own logger. */
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: { readonly [name: string]: unknown };
    };

export type Message = ClientMessage | PostmasterMessage | WorkerMessage | OrderMessage | EmbeddedMessage;
