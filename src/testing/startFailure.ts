/**
 * Starts that fail on demand: each kind is a row of docs/reasons.md that a worker can end with before its function is
 * entered, played with the facts that a real process would bring.
 */
import { isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BgworkerError, nearest, unreachable } from '../base/index.js';
import { toErrorRecord } from '../protocol/index.js';
import type { Attempt } from './attempt.js';

/** How a start comes to nothing, as the reasons of docs/reasons.md have it. */
export type StartFailure =
  /** There is no process. Default `EAGAIN`, as where no more of them may be made. */
  | { readonly kind: 'spawnFailed'; readonly errno?: string; readonly what?: string }
  /** Default: the worker's own module is missing. */
  | { readonly kind: 'moduleNotFound'; readonly path?: string }
  | { readonly kind: 'moduleThrew'; readonly error: unknown }
  | { readonly kind: 'exportMissing'; readonly exports?: readonly string[] }
  /** Something that the module awaits when it is loaded is never settled. */
  | { readonly kind: 'neverSettled' }
  /** Default: exit code 1, and nothing printed. */
  | {
      readonly kind: 'diedBeforeRuntime' | 'diedBeforeRunning';
      readonly code?: number;
      readonly signal?: NodeJS.Signals;
      readonly output?: string;
    };

const KINDS: { readonly [kind in StartFailure['kind']]: true } = {
  spawnFailed: true,
  moduleNotFound: true,
  moduleThrew: true,
  exportMissing: true,
  neverSettled: true,
  diedBeforeRuntime: true,
  diedBeforeRunning: true,
};

/** Said to the test that asks for it, and not when a start comes. Tests need not be in TypeScript. */
export function checkStartFailure({ kind }: StartFailure): void {
  if (Object.hasOwn(KINDS, kind)) return;
  const [likely] = nearest(String(kind), Object.keys(KINDS));
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'no start fails like this', {
    detail: `kind is ${JSON.stringify(kind)}`,
    hint: likely === undefined ? `give one of ${Object.keys(KINDS).join(', ')}` : `did you mean ${likely}?`,
  });
}

export function failStart(attempt: Attempt, failure: StartFailure): void {
  switch (failure.kind) {
    case 'spawnFailed': {
      const { errno = 'EAGAIN', what = `make a process for ${process.execPath}` } = failure;
      return attempt.spawnFailed(errno, what);
    }
    case 'moduleNotFound': {
      const path = failure.path ?? fileURLToPath(attempt.worker.module);
      const error = new Error(`Cannot find module '${path}'`);
      const url = isAbsolute(path) ? { url: pathToFileURL(path).href } : {};
      Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND', ...url });
      return failLoading(attempt, { word: 'moduleNotFound', path, error: toErrorRecord(error) });
    }
    case 'moduleThrew':
      return failLoading(attempt, { word: 'moduleThrew', error: toErrorRecord(failure.error) });
    case 'exportMissing': {
      const name = attempt.worker.functionName ?? 'default';
      return failLoading(attempt, { word: 'exportMissing', name, exports: failure.exports ?? [] });
    }
    case 'neverSettled':
      attempt.reach('loading');
      attempt.say({ word: 'neverSettled' });
      return attempt.exit({ code: 13 });
    case 'diedBeforeRuntime':
      attempt.reach('forked');
      return attempt.exit(failure);
    case 'diedBeforeRunning':
      attempt.reach('loading');
      return attempt.exit(failure);
    default:
      unreachable(failure);
  }
}

function failLoading(attempt: Attempt, saying: Parameters<Attempt['say']>[0]): void {
  attempt.reach('loading');
  attempt.say(saying);
  attempt.exit({ code: 1 });
}
