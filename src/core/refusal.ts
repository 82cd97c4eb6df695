/**
 * The expected no: a request that the core answers with a reason instead of doing it. It is plain data, since it goes
 * back to another process; the client makes a `BgworkerError` of it. After a refusal nothing has changed.
 */
export interface Refusal {
  readonly code: RefusalCode;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

export type RefusalCode =
  | 'ERR_INVALID_BACKGROUND_WORKER'
  | 'ERR_TOO_MANY_WORKERS'
  | 'ERR_TOO_MANY_WAITING'
  | 'ERR_NAME_TAKEN'
  | 'ERR_SHUTTING_DOWN'
  | 'ERR_UNKNOWN_WORKER'
  | 'ERR_WORKER_ENDED'
  | 'ERR_WITHDRAWN'
  | 'ERR_NOT_JOINED'
  | 'ERR_INVALID_SEGMENT'
  | 'ERR_SEGMENT_TOO_LARGE'
  | 'ERR_TOO_MANY_SEGMENTS'
  | 'ERR_UNKNOWN_SEGMENT'
  | 'ERR_SEGMENT_SIZE_MISMATCH'
  | 'ERR_SEGMENT_ATTACHED'
  | 'ERR_SEGMENT_NOT_ATTACHED'
  | 'ERR_SEGMENT_PINNED'
  | 'ERR_SEGMENT_NOT_PINNED';
