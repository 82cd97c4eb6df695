/**
 * What `--json` says of one worker: the contract for scripts, described in docs/cli.md. `run`, `launch` and `wait` tell
 * of the same things in the same fields, so that a script reads the one as the other.
 */
import { inspect } from 'node:util';
import type { BgworkerError } from '../base/index.js';
import type { BackgroundWorkerHandle, HandleStatus, Stopped, WorkerStopReason } from '../client/index.js';
import { endedWell } from './ending.js';

export interface Known {
  readonly handle: BackgroundWorkerHandle;
  /** What the command waited for came out so; where it waited for nothing, what is known of the worker. */
  readonly answer: Stopped | { readonly status: HandleStatus };
  readonly result?: unknown;
  /** It returned, and this is why what it returned cannot be had. */
  readonly problem?: BgworkerError | undefined;
}

export function report({ handle, answer, result, problem }: Known): Record<string, unknown> {
  const stopped = 'reason' in answer ? answer : null;
  const reason = stopped?.reason ?? null;
  return {
    handle: handle.id,
    name: handle.name,
    status: answer.status,
    pid: reason === null ? handle.pid : reason.pid,
    phase: reason === null ? handle.phase : reason.phase,
    reason: reason === null || endedWell(reason) ? null : withError(reason),
    willRestart: stopped?.willRestart ?? false,
    retryAt: stopped?.retryAt ?? null,
    exit: reason === null || reason.pid === null ? null : { code: reason.code, signal: reason.signal },
    result: inJson(result),
    problem: problem === undefined ? null : describe(problem),
  };
}

function describe({ code, message, detail, hint }: BgworkerError): object {
  return { code, message, detail: detail ?? null, hint: hint ?? null };
}

/** `error` is there for every kind. */
function withError(reason: WorkerStopReason): Record<string, unknown> {
  return { ...reason, error: 'error' in reason ? (reason.error ?? null) : null };
}

/** What JSON has no words for (a BigInt, a cycle) is said in text. */
export function inJson(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value ?? null;
  } catch {
    return inspect(value);
  }
}
