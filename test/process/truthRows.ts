/**
 * The truth table as data: each thing that can go wrong with a worker, and what must be said of it. Whoever adds a
 * fault adds a row; truth.ts makes it happen and compares.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Phase, RegisterOptions, StopKind, WorkerStopReason } from '../../src/index.js';
import { fixtureUrl } from './support/fixtures.js';

export interface Row {
  readonly fault: string;
  readonly worker: Definition | ((scratch: string) => Definition);
  readonly expected: Expected;
  /** A postmaster of its own, in a state that this row needs. */
  readonly place?: 'noProcesses' | 'noDescriptors' | 'otherUser' | 'heard';
}

export interface Definition {
  readonly module: string;
  readonly exportName?: string;
  readonly arg?: unknown;
  readonly options?: RegisterOptions;
}

export type Expected = ExpectedStop | ExpectedWait;

export interface ExpectedStop {
  readonly answer: 'stopped';
  readonly kind: StopKind;
  readonly phase: Phase | null;
  readonly code?: number | null;
  readonly signal?: string | null;
  /** Whether a worker with `restart: 'onFailure'` would be started again. */
  readonly isFailure: boolean;
  /** What `result()` gives; where this is missing it must throw. */
  readonly result?: unknown;
  /** Processes that got as far as running any JavaScript. */
  readonly processes: 0 | 1;
  /** What else must be true of the reason; gives what is wrong. */
  readonly check?: (reason: WorkerStopReason, scratch: string) => string | undefined;
}

export interface ExpectedWait {
  readonly answer: 'waits';
  readonly until: 'running' | 'ready';
  readonly status: 'notYetStarted' | 'started';
  readonly phase: Phase;
}

const IMPORT = fixtureUrl('truth/import.mjs');
const FUNCTIONS = fixtureUrl('truth/functions.mjs');

function importing(fault: string, options: RegisterOptions = {}): Definition {
  return { module: IMPORT, exportName: 'main', options: { ...options, env: { TRUTH: fault } } };
}

function calling(exportName: string, arg?: unknown, options: RegisterOptions = {}): Definition {
  return { module: FUNCTIONS, exportName, arg, options };
}

/** A start that failed while the module was loading. */
function atImport(kind: StopKind, more: Partial<ExpectedStop> = {}): ExpectedStop {
  return { answer: 'stopped', kind, phase: 'loading', isFailure: true, processes: 1, ...more };
}

function whileRunning(kind: StopKind, more: Partial<ExpectedStop> = {}): ExpectedStop {
  return { answer: 'stopped', kind, phase: 'running', isFailure: true, processes: 1, ...more };
}

function neverForked(more: Partial<ExpectedStop>): ExpectedStop {
  return { answer: 'stopped', kind: 'spawnFailed', phase: null, isFailure: true, processes: 0, ...more };
}

type Check = NonNullable<ExpectedStop['check']>;

function errorIs(name: string, ...words: readonly string[]): Check {
  return (reason) => {
    const error = 'error' in reason ? reason.error : undefined;
    if (error?.name !== name) return `the error is a ${error?.name}, not a ${name}`;
    const text = `${error.stack} ${JSON.stringify(error)}`;
    const missing = words.find((word) => !text.includes(word));
    return missing === undefined ? undefined : `${missing} is not in ${text}`;
  };
}

function spawnFailedWith(errno: string, what: string): Check {
  return (reason) => {
    if (reason.kind !== 'spawnFailed') return undefined;
    return reason.errno === errno && reason.what.includes(what) ? undefined : `${reason.errno}: ${reason.what}`;
  };
}

function outputHas(word: string): Check {
  return ({ output }) => (output.includes(word) ? undefined : `the output is ${JSON.stringify(output)}`);
}

export const rows: readonly Row[] = [
  {
    fault: 'module missing',
    worker: (scratch) => ({ module: `file://${scratch}/isMissing.mjs`, exportName: 'main' }),
    expected: atImport('moduleNotFound', {
      code: 1,
      check: (reason, scratch) =>
        'path' in reason && reason.path === `${scratch}/isMissing.mjs` ? undefined : `path: ${JSON.stringify(reason)}`,
    }),
  },
  {
    fault: 'a module that it imports is missing',
    worker: { module: fixtureUrl('truth/importsMissing.mjs') },
    expected: atImport('moduleNotFound', {
      code: 1,
      check: (reason) =>
        'path' in reason && reason.path.endsWith('truth/isNotThere.mjs')
          ? undefined
          : `path: ${JSON.stringify(reason)}`,
    }),
  },
  {
    fault: 'syntax error in the module',
    worker: (scratch) => {
      const path = join(scratch, 'syntax.mjs');
      // Written anew it would be empty for a moment, in which another worker may look for the error in it.
      if (!existsSync(path)) writeFileSync(path, 'export const fine = 1;\n\nexport default function ( {\n');
      return { module: `file://${scratch}/syntax.mjs` };
    },
    expected: atImport('moduleThrew', { code: 1, check: errorIs('SyntaxError', 'syntax.mjs:') }),
  },
  {
    fault: 'throws at import',
    worker: importing('throw'),
    expected: atImport('moduleThrew', { code: 1, check: errorIs('RangeError', 'thrown at import', 'import.mjs:5') }),
  },
  {
    fault: 'export missing',
    worker: { module: IMPORT, exportName: 'mian' },
    expected: atImport('exportMissing', {
      code: 1,
      check: (reason) =>
        'exports' in reason && reason.exports.join() === 'main,notAFunction' && reason.name === 'mian'
          ? undefined
          : JSON.stringify(reason),
    }),
  },
  {
    fault: 'the export is not a function',
    worker: { module: IMPORT, exportName: 'notAFunction' },
    expected: atImport('exportMissing', { code: 1 }),
  },
  {
    fault: 'process.exit(7) at import',
    worker: importing('exit:7'),
    expected: atImport('diedBeforeRunning', { code: 7, signal: null }),
  },
  {
    fault: 'process.exit(0) at import',
    worker: importing('exit:0'),
    expected: atImport('diedBeforeRunning', { code: 0, signal: null }),
  },
  {
    fault: 'SIGKILL at import',
    worker: importing('kill:SIGKILL'),
    expected: atImport('signaled', { code: null, signal: 'SIGKILL' }),
  },
  {
    fault: 'SIGSEGV at import',
    worker: importing('kill:SIGSEGV'),
    expected: atImport('signaled', { code: null, signal: 'SIGSEGV' }),
  },
  {
    fault: 'abort() at import',
    worker: importing('abort'),
    expected: atImport('signaled', { code: null, signal: 'SIGABRT' }),
  },
  {
    fault: 'a flag in execArgv that Node does not know',
    worker: calling('returns', undefined, { execArgv: ['--no-such-flag'] }),
    expected: {
      ...neverForked({ kind: 'diedBeforeRuntime', phase: 'forked', code: 9, signal: null }),
      check: outputHas('bad option'),
    },
  },
  {
    fault: 'no such executable',
    worker: (scratch) => calling('returns', undefined, { nodePath: `${scratch}/no-node` }),
    expected: neverForked({ check: spawnFailedWith('ENOENT', 'execute /') }),
  },
  {
    fault: 'no such working directory',
    worker: (scratch) => calling('returns', undefined, { cwd: `${scratch}/no-directory` }),
    expected: neverForked({ check: spawnFailedWith('ENOENT', 'enter the working directory /') }),
  },
  {
    fault: 'an executable that may not be executed (EACCES)',
    worker: (scratch) => {
      writeFileSync(join(scratch, 'plain'), 'text', { mode: 0o600 });
      return calling('returns', undefined, { nodePath: `${scratch}/plain` });
    },
    expected: neverForked({ check: spawnFailedWith('EACCES', 'execute /') }),
  },
  {
    fault: 'a working directory that may not be entered (EACCES)',
    worker: calling('returns', undefined, { cwd: '/root' }),
    expected: neverForked({ check: spawnFailedWith('EACCES', 'enter the working directory /root') }),
    place: 'otherUser',
  },
  {
    fault: 'no more processes (RLIMIT_NPROC)',
    worker: calling('returns', undefined, { cwd: '/' }),
    expected: neverForked({ check: spawnFailedWith('EAGAIN', 'make a process') }),
    place: 'noProcesses',
  },
  {
    fault: 'no more descriptors (EMFILE)',
    worker: calling('returns'),
    expected: neverForked({ check: spawnFailedWith('EMFILE', 'make a process') }),
    place: 'noDescriptors',
  },
  {
    fault: 'heap exhausted at import',
    worker: importing('heap', { resourceLimits: { maxOldSpaceMb: 24 } }),
    expected: atImport('outOfMemory'),
  },
  {
    fault: 'heap exhausted while running',
    worker: calling('exhaustsHeap', undefined, { resourceLimits: { maxOldSpaceMb: 24 } }),
    expected: whileRunning('outOfMemory'),
  },
  {
    fault: "loads, and never says ready (until: 'ready')",
    worker: calling('isNeverReady'),
    expected: { answer: 'waits', until: 'ready', status: 'started', phase: 'running' },
  },
  {
    fault: 'top-level await with a timer still open',
    worker: importing('timer'),
    expected: { answer: 'waits', until: 'running', status: 'notYetStarted', phase: 'loading' },
  },
  {
    fault: 'top-level await for what cannot come',
    worker: importing('nothing'),
    expected: atImport('neverSettled', { code: 13 }),
  },
  {
    fault: 'the function waits for what cannot come',
    worker: calling('neverSettles'),
    expected: whileRunning('neverSettled', { code: 13 }),
  },
  {
    fault: 'throws',
    worker: calling('throws'),
    expected: whileRunning('threw', {
      code: 1,
      check: errorIs('RangeError', 'thrown while running', 'functions.mjs:', 'E_OWN', '"field":1'),
    }),
  },
  {
    fault: "uncaught error, and an 'exit' listener that sets code 0",
    worker: calling('throwsAndSaysZero'),
    expected: whileRunning('threw', { code: 0, check: errorIs('RangeError', 'functions.mjs:') }),
  },
  {
    fault: "an 'uncaughtException' listener that throws",
    worker: calling('throwsInItsHandler'),
    expected: whileRunning('exited', { code: 7, check: outputHas('thrown while running') }),
  },
  {
    fault: 'process.exit(256), which the system makes 0',
    worker: calling('exits', 256),
    expected: whileRunning('exited', { code: 0 }),
  },
  {
    fault: 'process.exitCode = 2, and returns',
    worker: calling('returnsWithCode'),
    expected: whileRunning('exited', { code: 2 }),
  },
  {
    fault: 'process.exit(0) before the function returned',
    worker: calling('exits', 0),
    expected: whileRunning('exitedWithoutReturning', { code: 0, isFailure: false }),
  },
  {
    fault: 'process.exit(1)',
    worker: calling('exits', 1),
    expected: whileRunning('exited', { code: 1 }),
  },
  {
    fault: 'process.reallyExit(0): ends with 0 and without a word',
    worker: calling('exitsForReal'),
    expected: whileRunning('exited', { code: 0 }),
  },
  {
    fault: 'SIGKILL while running',
    worker: calling('kills', 'SIGKILL'),
    expected: whileRunning('signaled', { code: null, signal: 'SIGKILL' }),
  },
  {
    fault: 'SIGSEGV while running',
    worker: calling('kills', 'SIGSEGV'),
    expected: whileRunning('signaled', { code: null, signal: 'SIGSEGV' }),
  },
  {
    fault: 'abort() while running',
    worker: calling('aborts'),
    expected: whileRunning('signaled', { code: null, signal: 'SIGABRT' }),
  },
  {
    fault: 'exits while a grandchild holds its pipes',
    worker: calling('leavesGrandchild'),
    expected: whileRunning('exited', { code: 3, check: grandchildLives }),
  },
  {
    fault: 'prints 1 MB to both streams, then dies',
    worker: calling('printsAndDies', undefined, { output: 'raw' }),
    expected: whileRunning('signaled', { signal: 'SIGKILL', check: tailIsExact }),
    place: 'heard',
  },
  {
    fault: 'returns at once',
    worker: calling('returns'),
    expected: whileRunning('returned', { code: 0, isFailure: false, result: { answer: 42 } }),
  },
  {
    fault: 'closes its line to the postmaster',
    worker: calling('closesItsLine'),
    expected: whileRunning('lostConnection'),
  },
];

/** The answer did not wait for the grandchild, which is ended here. */
function grandchildLives({ output }: WorkerStopReason): string | undefined {
  try {
    process.kill(Number(output), 'SIGKILL');
    return undefined;
  } catch {
    return `the grandchild ${output} had ended before`;
  }
}

/** At least 2 KiB of each stream, 8 KiB of both, and each the end of what was printed, line by line. */
function tailIsExact({ output }: WorkerStopReason): string | undefined {
  if (output.length > 8192 || output.length < 8192 - 16) return `the tail has ${output.length} bytes`;
  for (const letter of ['o', 'e']) {
    const lines = output.split('\n').filter((line) => line.length === 7 && line.startsWith(letter));
    if (lines.length < 2048 / 8 - 1) return `only ${lines.length} lines of ${letter}`;
    const wrong = lines.findIndex((line, at) => Number(line.slice(1)) !== 131_072 - lines.length + at);
    if (wrong >= 0) return `line ${wrong} of ${letter} is ${lines[wrong]}`;
  }
  return undefined;
}
