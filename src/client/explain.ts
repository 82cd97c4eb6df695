/**
 * Why a worker stopped, in words: the message of the errors that `launch`, `run` and `result` throw. People read it;
 * programs read the reason's `kind`.
 */
import type { ErrorRecord, StopCause } from '../core/index.js';
import type { WorkerReference } from './errors.js';
import type { WorkerStopReason } from './workerState.js';

/** As much of what it printed as a message may carry; the reason has all that is kept. */
const MAX_OUTPUT_SHOWN = 2_000;

export function nameWorker({ name, id }: WorkerReference): string {
  return name === '' ? `background worker ${id}` : `background worker ${JSON.stringify(name)}`;
}

export interface Explanation {
  /** Goes on where the worker's name ends. */
  readonly what: string;
  readonly hint: { readonly hint?: string };
}

export function explainStop(reason: WorkerStopReason): Explanation {
  const { what, hint } = explainCause(reason, reason);
  return { what, hint: hint === undefined ? {} : { hint } };
}

/** Where it happened and the last it printed, as lines behind a message. */
export function describeScene(reason: WorkerStopReason, module: string): string {
  const process = reason.pid === null ? 'no process' : `process ${reason.pid}`;
  const lines = [`  at ${module} (${process}, attempt ${reason.attempt}, phase ${reason.phase ?? 'none'})`];
  const output = reason.output.trimEnd();
  if (output !== '') {
    const shown = output.length > MAX_OUTPUT_SHOWN ? `…${output.slice(-MAX_OUTPUT_SHOWN)}` : output;
    lines.push('  the last it printed:', ...shown.split('\n').map((line) => `    ${line}`));
  }
  return lines.join('\n');
}

function explainCause(cause: StopCause, reason: WorkerStopReason): { what: string; hint?: string } {
  const how = reason.signal === null ? `code ${reason.code ?? 'unknown'}` : reason.signal;
  switch (cause.kind) {
    case 'spawnFailed':
      return {
        what: `had no process: ${cause.what} (${cause.errno})`,
        hint: 'see nodePath, cwd and the limits of the system',
      };
    case 'diedBeforeRuntime':
      if (cause.error !== undefined) return explainPackage(cause.error);
      return { what: `ended before Node was up in it (${how})`, hint: 'see execArgv, nodePath and NODE_OPTIONS' };
    case 'diedBeforeRunning':
      return {
        what: `ended while its module was loading (${how})`,
        hint: 'does something call process.exit() at import?',
      };
    case 'moduleNotFound':
      return {
        what: `has no module: ${cause.path} was not found`,
        // What is no path is a package, or a name that lacks its `./`.
        hint: cause.path.startsWith('/')
          ? "use new URL('./x.js', import.meta.url); a bundler builds that file only if it is an entry point of its own"
          : 'install it, or name a file with ./',
      };
    case 'moduleThrew':
      return { what: `has a module that threw ${cause.error.name}: ${cause.error.message}` };
    case 'exportMissing':
      return {
        what: `has no function: its module does not export a function ${JSON.stringify(cause.name)}`,
        hint: cause.exports.length === 0 ? 'it exports nothing' : `it exports ${cause.exports.join(', ')}`,
      };
    case 'neverSettled':
      return {
        what: 'waited for what cannot come: nothing was left that could wake it',
        hint: 'a promise is never settled',
      };
    case 'returned':
      return { what: 'returned' };
    case 'exitedWithoutReturning':
      return { what: 'called process.exit(0) before it returned', hint: 'return the result instead' };
    case 'exited':
      return { what: `exited with ${how} before it returned` };
    case 'threw':
      return { what: `threw ${cause.error.name}: ${cause.error.message}` };
    case 'signaled':
      return { what: `was ended by ${how}${reason.enteredAt === null ? ' while its module was loading' : ''}` };
    case 'outOfMemory':
      return {
        what: 'ran out of memory: its JavaScript heap was exhausted',
        hint: 'raise resourceLimits.maxOldSpaceMb',
      };
    case 'memoryLimit':
      return {
        what: `used ${cause.rssBytes} bytes of memory, more than it may`,
        hint: 'raise resourceLimits.maxRssBytes',
      };
    case 'ranTooLong':
      return { what: `ran longer than ${cause.maxRunMs} ms`, hint: 'raise maxRunMs' };
    case 'terminated':
      return { what: cause.escalated ? 'was terminated, and killed since it did not stop' : 'was terminated' };
    case 'terminatedBeforeStart':
      return { what: 'was terminated before it started' };
    case 'clientGone':
      return { what: 'ended with the client that registered it' };
    case 'crashGroup':
      return { what: `was stopped since ${JSON.stringify(cause.origin)} of its crash group crashed` };
    case 'crashLoop': {
      const last = explainCause(cause.last, reason);
      return { ...last, what: `died ${cause.deaths} times within ${cause.periodMs} ms; the last time it ${last.what}` };
    }
    case 'lostConnection':
      return {
        what: 'closed its control channel, so nothing more could be known of it',
        hint: 'leave descriptors 3 and 4 alone',
      };
    case 'postmasterShutdown':
      return { what: `was stopped by the postmaster's shutdown (${cause.mode})` };
    case 'forgotten':
      return { what: 'stopped so long ago that nobody remembers why', hint: 'raise finalWordsKept' };
    default:
      // A kind that only a newer postmaster knows.
      return { what: `stopped: ${(cause as { kind: string }).kind}` };
  }
}

/** The postmaster says it of its own package, with what there is to do. */
function explainPackage({ message, fields }: ErrorRecord): { what: string; hint?: string } {
  const [detail, hint] = [fields?.['detail'], fields?.['hint']];
  return {
    what: `could not be started: ${message}${typeof detail === 'string' ? ` (${detail})` : ''}`,
    ...(typeof hint === 'string' && { hint }),
  };
}
