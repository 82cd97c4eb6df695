/**
 * What a person is told of a worker that failed: what, why, where, what to change; on one screen, in the words of whoever
 * wrote the worker. The library says the same in fewer words (client/explain.ts), for it knows neither what was typed
 * nor the folder it was typed in.
 *
 * Programs read `--json` instead, where nothing is left out.
 */
import { stripVTControlCharacters } from 'node:util';
import type { WorkerStopReason } from '../../client/index.js';
import { explainStop } from '../../client/index.js';
import { clean } from '../table.js';
import type { Advice, Subject } from './advice.js';
import { AS_PROGRAM } from './advice.js';
import { adviseOnExport, adviseOnFolder, adviseOnMissing } from './missing.js';
import { adviseOnMixUp } from './mixUps.js';
import { describeError, titleOf } from './stack.js';

const MAX_LINES_PRINTED = 10;

export function describeFailure(subject: Subject, reason: WorkerStopReason): string {
  const { what, lines, hint } = advise(subject, reason);
  const beginning = isFailedStart(subject, reason)
    ? `${subject.title} could not be started: ${what}`
    : `${subject.title} ${what}`;
  const told = [`bgworker: ${beginning}`, ...lines.map((line) => `  ${line}`)];
  if (!subject.isHere) told.push(...circumstances(reason));
  if (hint !== null) told.push(...`  hint: ${hint}`.split('\n'));
  return told.map(clean).join('\n');
}

const FAILED_STARTS: readonly string[] = [
  ...['spawnFailed', 'diedBeforeRuntime', 'moduleNotFound', 'moduleThrew', 'exportMissing', 'diedBeforeRunning'],
  ...['neverSettled', 'signaled', 'outOfMemory', 'memoryLimit', 'ranTooLong', 'crashLoop'],
];

/** What we ended ourselves before it had begun was not tried in vain; a script is at work from its first line. */
function isFailedStart({ job }: Subject, { kind, enteredAt }: WorkerStopReason): boolean {
  if (kind === 'diedBeforeRunning' && job !== null && job.functionName === null) return false;
  return enteredAt === null && FAILED_STARTS.includes(kind);
}

function advise(subject: Subject, reason: WorkerStopReason): Advice {
  const { job } = subject;
  switch (reason.kind) {
    case 'moduleNotFound':
      return adviseOnMissing(reason.path, reason.error, job);
    case 'exportMissing':
      return adviseOnExport(reason.name, reason.exports, job);
    case 'moduleThrew': {
      const { error } = reason;
      if (error.code === 'ERR_UNSUPPORTED_DIR_IMPORT' && job !== null) return adviseOnFolder(job);
      const what = error.name === 'SyntaxError' ? titleOf(error) : `importing it threw ${titleOf(error)}`;
      return { what, lines: describeError(error), hint: adviseOnMixUp(error, subject) };
    }
    case 'threw': {
      const { error } = reason;
      return { what: `threw ${titleOf(error)}`, lines: describeError(error), hint: adviseOnMixUp(error, subject) };
    }
    case 'crashLoop': {
      const { deaths, periodMs, last } = reason;
      const advice = advise(subject, { ...reason, ...last });
      return {
        ...advice,
        what: `${isFailedStart(subject, reason) ? 'it ' : ''}died ${deaths} times within ${periodMs} ms, the last time: ${advice.what}`,
      };
    }
    case 'diedBeforeRunning':
      if (!isFailedStart(subject, reason))
        return { what: `ended itself with code ${reason.code}`, lines: [], hint: null };
      return {
        what: `it ended while it was imported (code ${reason.code})`,
        lines: [],
        hint: `does something in it call process.exit()? If so: ${AS_PROGRAM}`,
      };
    default: {
      const { what, hint } = explainStop(reason);
      // Whoever typed the command has an option for it.
      const isOption = reason.kind === 'ranTooLong' && job !== null;
      return {
        what: isFailedStart(subject, reason) ? `it ${what}` : what,
        lines: [],
        hint: isOption ? 'raise --max-run-ms' : (hint.hint ?? null),
      };
    }
  }
}

/** What a reader who cannot look into the process wants to know of it. */
function circumstances({ pid, attempt, phase, output }: WorkerStopReason): string[] {
  const lines = [`  ${pid === null ? 'no process' : `process ${pid}`}, attempt ${attempt}, phase ${phase ?? 'none'}`];
  const printed = stripVTControlCharacters(output).trimEnd().split('\n');
  if (printed.join('') === '') return lines;
  const shown = printed.slice(-MAX_LINES_PRINTED);
  const title = shown.length < printed.length ? `the last ${shown.length} lines it printed:` : 'it printed:';
  return [...lines, `  ${title}`, ...shown.map((line) => `    ${line}`)];
}
