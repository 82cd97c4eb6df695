/**
 * The truth table: makes each fault of truthRows.ts happen to a real worker and compares what is said of it with what
 * is so, with a process that is made for the worker and with a spare. `npm run truth` prints it; truth.test.ts holds
 * every row right.
 *
 * Milliseconds are from the moment at which another process first saw the worker dead, or, where there was no process,
 * from the postmaster's own time of the failure, to the moment at which the caller's promise had its answer.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { BackgroundWorkerHandle, PidAnswer, Stopped, WorkerStopReason } from '../../src/index.js';
import { WorkerError } from '../../src/index.js';
import { fixturePath, launch } from './support/fixtures.js';
import { Observer } from './support/observer.js';
import { untilPhase } from './support/patience.js';
import type { Place } from './support/stage.js';
import { Stage, whyNotHere } from './support/stage.js';
import type { ExpectedStop, ExpectedWait, Row } from './truthRows.js';
import { rows } from './truthRows.js';

export type Policy = 'never' | 'onFailure';
export type Origin = 'cold' | 'spare';

export interface Outcome {
  readonly answer: string;
  /** From the fact to the answer; null where it was not observed. */
  readonly ms: number | null;
  readonly starts: number;
  readonly problem: string | undefined;
}

/** Long enough that no second attempt can come before the row is over. */
const RESTART_TIME_MS = 3_600_000;
/** Only a failure takes so long. */
const LIMIT_MS = 60_000;
/** How long the rows that wait are watched not to be answered. */
const WATCH_MS = 300;

/** A new process is counted as soon as it runs any JavaScript; a spare did so before it was anybody's. */
const COUNT_STARTS = ['--require', fixturePath('truth/countStarts.cjs')];

let witnesses = 0;

/** A place that is short of something has none to spare, and what only a new process can have is started cold anyway. */
export function hasSpares({ place, worker }: Row, scratch: string): boolean {
  const { options = {} } = typeof worker === 'function' ? worker(scratch) : worker;
  const { execArgv, nodePath, resourceLimits } = options;
  return place === undefined && execArgv === undefined && nodePath === undefined && resourceLimits === undefined;
}

export async function showRow(
  row: Row,
  policy: Policy,
  from: Origin,
  stage: Stage,
  observer?: Observer,
): Promise<Outcome> {
  const place = await stage.place(from === 'spare' ? 'spares' : row.place);
  const definition = typeof row.worker === 'function' ? row.worker(stage.scratch) : row.worker;
  witnesses += 1;
  const witness = join(stage.scratch, `starts-${witnesses}`);
  const { options = {} } = definition;
  const register = (): Promise<BackgroundWorkerHandle> => {
    place.limit();
    return place.client.module(definition.module).register(definition.exportName ?? 'default', definition.arg, {
      cwd: stage.scratch,
      output: 'ignore',
      ...options,
      env: { ...options.env, TRUTH_STARTS: witness },
      ...(from === 'cold' ? { execArgv: [...COUNT_STARTS, ...(options.execArgv ?? [])] } : {}),
      restart: policy,
      restartTimeMs: RESTART_TIME_MS,
    });
  };
  const handle = await (from === 'spare' ? stage.withSpare(place.client, register) : register());
  try {
    const { expected } = row;
    const outcome =
      expected.answer === 'waits'
        ? await showWait(handle, expected)
        : await showStop({ handle, expected, policy, from, place, stage, witness, observer });
    const wrongOrigin = handle.startedFrom?.kind === from ? undefined : `started ${JSON.stringify(handle.startedFrom)}`;
    return { ...outcome, problem: outcome.problem ?? wrongOrigin };
  } finally {
    await handle.terminate({ timeoutMs: 0 });
    await handle.waitForShutdown();
  }
}

interface Showing {
  readonly handle: BackgroundWorkerHandle;
  readonly expected: ExpectedStop;
  readonly policy: Policy;
  readonly from: Origin;
  readonly place: Place;
  readonly stage: Stage;
  readonly witness: string;
  readonly observer: Observer | undefined;
}

async function showStop(showing: Showing): Promise<Outcome> {
  const { handle, expected, policy, from, place, stage, witness, observer } = showing;
  const signal = AbortSignal.timeout(LIMIT_MS);
  // An observer needs the pid as soon as there is one. What comes then may be over before it could be waited for.
  const startup = await handle.waitForStartup({ until: observer === undefined ? 'running' : 'forked', signal });
  const death = startup.status === 'started' ? observer?.deathOf(startup.pid) : undefined;
  const answer = startup.status === 'stopped' ? startup : await handle.waitForShutdown({ until: 'nextDeath', signal });
  const answeredAt = process.hrtime.bigint();
  const answeredOn = Date.now();
  place.restore();
  if (answer.status !== 'stopped')
    return { answer: answer.status, ms: null, starts: handle.attempts, problem: 'not stopped' };
  const { reason } = answer;
  const wasStarted = observer === undefined && startup.status === 'started';
  const problems = [
    wasStarted && expected.phase !== 'running' ? 'a failed start was called started' : undefined,
    compareReason(reason, expected),
    expected.check?.(reason, stage.scratch),
    compareRestart(answer, expected, policy),
    handle.attempts === 1 ? undefined : `${handle.attempts} starts`,
    from === 'spare' || countLines(witness) === expected.processes ? undefined : `${countLines(witness)} processes`,
    policy === 'never' ? await compareResult(handle, expected) : undefined,
    await place.heard(),
    expected.kind === 'spawnFailed' ? await postmasterLives(place) : undefined,
  ];
  return {
    answer: `stopped ${describe(reason)}`,
    ms:
      death === undefined
        ? observer === undefined || reason.pid !== null
          ? null
          : answeredOn - reason.stoppedAt.getTime()
        : Number(answeredAt - (await death)) / 1e6,
    starts: handle.attempts,
    problem: problems.filter((problem) => problem !== undefined).join('; ') || undefined,
  };
}

/** Nothing is said as long as nothing is known; the caller's own signal ends his wait and nothing else. */
async function showWait(handle: BackgroundWorkerHandle, expected: ExpectedWait): Promise<Outcome> {
  await untilPhase(handle, expected.phase);
  const signal = AbortSignal.timeout(WATCH_MS);
  const answer = await handle.waitForStartup({ until: expected.until, signal }).catch((error: unknown) => error);
  const pid: PidAnswer = await handle.getPid();
  const problems = [
    answer === signal.reason ? undefined : `the wait was answered: ${JSON.stringify(answer)}`,
    pid.status === expected.status ? undefined : `getPid says ${pid.status}`,
    (pid.pid === null) === (expected.status === 'notYetStarted') ? undefined : `getPid gives pid ${pid.pid}`,
    handle.phase === expected.phase ? undefined : `the phase is ${handle.phase}`,
  ];
  return {
    answer: `waits; ${pid.status}, ${handle.phase}`,
    ms: null,
    starts: handle.attempts,
    problem: problems.filter((problem) => problem !== undefined).join('; ') || undefined,
  };
}

function compareReason(reason: WorkerStopReason, expected: ExpectedStop): string | undefined {
  for (const field of ['kind', 'phase', 'code', 'signal'] as const) {
    if (field in expected && reason[field] !== expected[field]) {
      return `${field} is ${reason[field]} instead of ${expected[field]} (${describe(reason)}: ${reason.output.slice(-500)})`;
    }
  }
  return undefined;
}

function compareRestart(
  { willRestart, retryAt, reason }: Stopped,
  expected: ExpectedStop,
  policy: Policy,
): string | undefined {
  const wanted = policy === 'onFailure' && expected.isFailure;
  if (willRestart !== wanted) return `willRestart is ${willRestart}`;
  if (!wanted) return retryAt === null ? undefined : `retryAt is ${retryAt}`;
  const inMs = retryAt === null ? Number.NaN : retryAt.getTime() - reason.stoppedAt.getTime();
  // Both instants are rounded to milliseconds.
  return Math.abs(inMs - RESTART_TIME_MS) <= 2 ? undefined : `it is to start again in ${inMs} ms`;
}

async function compareResult(handle: BackgroundWorkerHandle, expected: ExpectedStop): Promise<string | undefined> {
  const result = await handle.result().catch((error: unknown) => error);
  if ('result' in expected)
    return isDeepStrictEqual(result, expected.result) ? undefined : `the result is ${String(result)}`;
  return result instanceof WorkerError && result.reason.kind === expected.kind
    ? undefined
    : `result() gave ${String(result)}`;
}

async function postmasterLives({ client }: Place): Promise<string | undefined> {
  const handle = await launch(client, 'echo', 'alive', { cwd: '/', output: 'ignore' });
  const said = await handle.result();
  return said === 'alive' ? undefined : `the next worker gave ${String(said)}`;
}

function countLines(path: string): number {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
}

function describe(reason: WorkerStopReason): string {
  const details: string[] = [reason.kind];
  if ('errno' in reason) details.push(reason.errno, reason.what);
  if ('path' in reason) details.push(reason.path);
  if ('exports' in reason) details.push(`exports ${reason.exports.join(', ')}`);
  if ('error' in reason && reason.error !== undefined) details.push(`${reason.error.name}: ${reason.error.message}`);
  if (reason.phase !== null) details.push(`while ${reason.phase}`);
  if (reason.signal !== null) details.push(reason.signal);
  else if (reason.code !== null) details.push(`code ${reason.code}`);
  return details.join(', ');
}

async function main(): Promise<void> {
  const stage = new Stage();
  const observer = new Observer();
  stage.scene.add(observer.pid);
  let wrong = 0;
  const times: number[] = [];
  try {
    for (const row of rows) {
      const missing = whyNotHere(row.place);
      for (const policy of ['never', 'onFailure'] as const) {
        if (missing !== undefined) {
          console.log(`${row.fault} | ${missing}`);
          break;
        }
        for (const from of hasSpares(row, stage.scratch) ? (['cold', 'spare'] as const) : (['cold'] as const)) {
          const { answer, ms, starts, problem } = await showRow(row, policy, from, stage, observer);
          if (problem !== undefined) wrong += 1;
          if (ms !== null) times.push(ms);
          // Below zero: the caller knew it before the observer did.
          const time = ms === null ? '' : `${Math.max(0, ms).toFixed(1)} ms`;
          console.log(
            [
              row.fault,
              `restart ${policy}`,
              from,
              shorten(answer, stage.scratch),
              time,
              `${starts} start`,
              problem === undefined ? 'ok' : `NOT: ${problem}`,
            ].join(' | '),
          );
        }
      }
    }
  } finally {
    observer.end();
    await stage.end();
  }
  times.sort((one, other) => one - other);
  console.log(
    `\n${rows.length} faults, ${wrong} answers wrong; death to answer: median ${times[times.length >> 1]?.toFixed(1)} ms, worst ${times.at(-1)?.toFixed(1)} ms`,
  );
  process.exitCode = wrong === 0 ? 0 : 1;
}

function shorten(text: string, scratch: string): string {
  return text.replaceAll(scratch, '…').replaceAll(fixturePath(''), '');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
