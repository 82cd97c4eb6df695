/**
 * What users are told of a worker: the statuses and reasons of core with the instants turned into Dates, and the
 * answers that waits give. Plain data, made new each time; nothing here changes after it was handed out.
 */
import type { Phase, StartedFrom, StatusWord, StopCause, StopReason, WorkerStatus } from '../core/index.js';

/** PostgreSQL's four BGWH_ statuses. The first three come from the postmaster; the last one only a client can know. */
export type HandleStatus = StatusWord | 'postmasterDied';

/**
 * Why a worker stopped: `kind` says which of a closed list of things happened, with what belongs to that kind beside
 * it (`error` for what was thrown, `errno` for what the system refused); the circumstances are known for every kind.
 */
export type WorkerStopReason = StopCause & {
  /** How far the attempt had come; null when there was no process. */
  readonly phase: Phase | null;
  /** Of its process; null when there was none. */
  readonly pid: number | null;
  /** Its exit code; null when a signal ended it, or it had no process. Codes of Node lie: look at `kind`. */
  readonly code: number | null;
  /** The signal that ended it, such as `SIGKILL`. */
  readonly signal: string | null;
  /** The last 8 KiB of what it printed to both streams, in order. */
  readonly output: string;
  /** Which attempt to start it this was the end of, counted from 1; 0 when none had been made. */
  readonly attempt: number;
  /** When its process was made; null when there was none. */
  readonly forkedAt: Date | null;
  /** When its function was called; null when it never was. */
  readonly enteredAt: Date | null;
  /** When the postmaster had reaped it and read all it had said. */
  readonly stoppedAt: Date;
};

/** The worker's function was entered (or what `until` asked for has happened). */
export interface Started {
  /** It has started. */
  readonly status: 'started';
  /** Of its process. */
  readonly pid: number;
}

/** The attempt is over. */
export interface Stopped {
  /** It has stopped, or the attempt to start it has failed. */
  readonly status: 'stopped';
  /** Why. */
  readonly reason: WorkerStopReason;
  /** It will be started again, or is being started again already. */
  readonly willRestart: boolean;
  /** When; null when it will not be, when that is not known yet, or when it is due now. */
  readonly retryAt: Date | null;
}

/** The postmaster is gone, and its workers with it. */
export interface PostmasterDied {
  /** Only a client can know it. */
  readonly status: 'postmasterDied';
}

/**
 * A start, a death or another step of a worker, with everything known of it at that moment. Complete in itself: who
 * missed some has lost only the history, and `missed` says how much of it.
 */
export interface WorkerEvent {
  /** The handle, written as a string. */
  readonly handle: string;
  /** For people; it need not be unique. */
  readonly name: string;
  /** Rises by one with every event of this worker, so that two readers can tell which of theirs is the newer one. */
  readonly sequence: number;
  /** PostgreSQL's. */
  readonly status: HandleStatus;
  /** How far the attempt under way has come; null while there is no process. */
  readonly phase: Phase | null;
  /** Of its process, while there is one. */
  readonly pid: number | null;
  /** How the process of the newest attempt came to be; null while there is none, and before the first. */
  readonly startedFrom: StartedFrom | null;
  /** Attempts to start it so far, the one under way included. */
  readonly attempts: number;
  /** Ends of attempts so far, failed starts included. */
  readonly deaths: number;
  /** Why the newest attempt that ended did; null while none has. */
  readonly reason: WorkerStopReason | null;
  /** Nothing more will happen to this worker. */
  readonly final: boolean;
  /** It does not run now and will be started again. */
  readonly willRestart: boolean;
  /** When; null when it will not be, when that is not known yet, or when it is due now. */
  readonly retryAt: Date | null;
  /** When this was sent. */
  readonly at: Date;
  /** How many events were not delivered before this one, since its reader or the connection was too slow. */
  readonly missed: number;
}

const PHASES: readonly Phase[] = ['forked', 'runtime', 'loading', 'running', 'ready'];

/** Phases only go forward. A phase that only a newer postmaster knows counts as far as the function was entered. */
export function hasReached(phase: Phase | null, wanted: Phase, wasEntered: boolean): boolean {
  if (phase === null) return false;
  const reached = PHASES.includes(phase) ? phase : wasEntered ? 'running' : 'forked';
  return PHASES.indexOf(reached) >= PHASES.indexOf(wanted);
}

/** From an instant on the postmaster's monotonic clock to our calendar. */
export type ToDate = (instant: number) => Date;

/** Our calendar beside the postmaster's clock: `now` on that is `today`, in milliseconds since 1970, on ours. */
export function calendarAt(now: number, today: number): ToDate {
  const offsetMs = today - now;
  return (instant) => new Date(Math.round(instant + offsetMs));
}

/** A status as it was told, with the calendar of that moment: read later, its instants are still what they were. */
export interface Told {
  readonly status: WorkerStatus;
  readonly at: Date;
  readonly toDate: ToDate;
}

export function toldAt(status: WorkerStatus, now: number, toDate: ToDate): Told {
  return { status, at: toDate(now), toDate };
}

export function describeReason(reason: StopReason, toDate: ToDate): WorkerStopReason {
  return {
    ...reason,
    forkedAt: reason.forkedAt === null ? null : toDate(reason.forkedAt),
    enteredAt: reason.enteredAt === null ? null : toDate(reason.enteredAt),
    stoppedAt: toDate(reason.stoppedAt),
  };
}

export function describeEvent(handle: string, { status, at, toDate }: Told, missed: number): WorkerEvent {
  return {
    handle,
    name: status.name,
    sequence: status.sequence,
    status: status.status,
    phase: status.phase,
    pid: status.pid,
    startedFrom: status.startedFrom,
    attempts: status.attempts,
    deaths: status.deaths,
    reason: status.reason === null ? null : describeReason(status.reason, toDate),
    final: status.final,
    willRestart: status.willRestart,
    retryAt: status.retryAt === null ? null : toDate(status.retryAt),
    at,
    missed,
  };
}

/** The last event of a worker whose postmaster is gone. `last` is what was last told of it, if anything was. */
export function describePostmasterDeath(handle: string, last: WorkerStatus | null): WorkerEvent {
  return {
    handle,
    name: last?.name ?? '',
    sequence: (last?.sequence ?? 0) + 1,
    status: 'postmasterDied',
    phase: null,
    pid: null,
    startedFrom: last?.startedFrom ?? null,
    attempts: last?.attempts ?? 0,
    deaths: last?.deaths ?? 0,
    reason: null,
    final: true,
    willRestart: false,
    retryAt: null,
    at: new Date(),
    missed: 0,
  };
}
