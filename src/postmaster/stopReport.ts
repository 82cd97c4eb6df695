/**
 * The line in the log when an attempt of a worker ended. It is a warning when it went wrong and its registrant is
 * not told; what somebody wanted, or what the registrant hears of anyway, is for the record only. Who only looks on, as
 * `bgworker events -f` does, changes nothing of that.
 *
 * Model: LogChildExit in postmaster.c.
 */
import type { Effect, StopKind } from '../core/index.js';
import { formatHandle } from '../core/index.js';
import type { Log } from './log.js';

const WANTED: ReadonlySet<StopKind> = new Set([
  'returned',
  'exitedWithoutReturning',
  'terminated',
  'terminatedBeforeStart',
  'clientGone',
  'postmasterShutdown',
]);

export function reportStop(
  log: Log,
  epoch: string,
  { worker, status, told }: Extract<Effect, { type: 'reportStop' }>,
): void {
  const { reason, slot, generation } = status;
  if (reason === null) return;
  const { output, kind, code, signal, pid, phase } = reason;
  const isWanted = WANTED.has(kind);
  const how = signal === null ? (code === null ? '' : ` with exit code ${code}`) : ` by signal ${signal}`;
  const who = `background worker ${JSON.stringify(worker.name)}${pid === null ? '' : ` (PID ${pid})`}`;
  const again = status.willRestart ? ', will be restarted' : '';
  log.say(isWanted || told ? 'info' : 'warn', `${who} stopped${how}: ${kind}${again}`, {
    worker: worker.name,
    handle: formatHandle({ epoch, slot, generation }),
    reason: { kind, phase, code, signal, ...('error' in reason ? { error: reason.error } : {}) },
    ...(isWanted || output === '' ? {} : { output }),
  });
}
