/**
 * `bgworker wait`: waits for what becomes of a worker, and exits as its process did. It asks for nothing and harms
 * nobody: interrupted, or out of time, it leaves the worker as it is.
 */
import { Command, Option } from 'commander';
import { BgworkerError, startLongTimer } from '../../base/index.js';
import type { BackgroundWorkerHandle, Client, ShutdownAnswer, StartupAnswer } from '../../client/index.js';
import { MAX_INTERVAL_MS } from '../../core/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonOption, tellPostmasterDied, withClient } from '../attached.js';
import { endedWell, exitCodeOfEnd, hadStarted } from '../ending.js';
import { EXIT_NOT_STARTED, EXIT_TIMED_OUT } from '../exitCodes.js';
import { describeFailure } from '../failure/describeFailure.js';
import { report } from '../report.js';
import { readMilliseconds } from '../words.js';
import { titleOf, workerNamed } from '../workerNamed.js';

const STARTS = ['forked', 'running', 'ready'] as const;
const ENDS = ['end', 'nextDeath'] as const;
type Until = (typeof STARTS)[number] | (typeof ENDS)[number];

export function waitCommand(): Command {
  return new Command('wait')
    .description('wait for the end of a worker, and exit as it did')
    .argument('<worker>', 'its handle, or its name')
    .addOption(
      new Option('--until <event>', 'what to wait for: its end for good, its next death, or a step of its start')
        .choices([...ENDS, ...STARTS])
        .default('end'),
    )
    .option('--timeout <ms>', 'give up after so long, with exit code 124; the worker is left alone')
    .addOption(directoryOption())
    .addOption(jsonOption())
    .action((worker: string, options: WaitOptions) => {
      const timeoutMs = readMilliseconds('--timeout', options.timeout, { least: 0, most: MAX_INTERVAL_MS });
      return withClient(options, (client) => wait(client, worker, timeoutMs, options));
    });
}

interface WaitOptions extends AttachOptions {
  readonly until: Until;
  readonly timeout?: string;
}

const NOT_YET: { readonly [until in Until]: string } = {
  end: 'has not ended',
  nextDeath: 'has not died',
  forked: 'has no process',
  running: 'has not started',
  ready: 'is not ready',
};

type Answer = StartupAnswer | ShutdownAnswer;

async function wait(
  client: Client,
  word: string,
  timeoutMs: number | undefined,
  { until, json }: WaitOptions,
): Promise<number> {
  const handle = await workerNamed(client, word);
  const answer = await answerWithin(timeoutMs, (signal) => waitUntil(handle, until, signal));
  if (json === true) {
    const hasReturned = answer?.status === 'stopped' && answer.reason.kind === 'returned';
    const { result, problem } = hasReturned ? await resultOf(handle) : {};
    const told = report({ handle, answer: answer ?? { status: handle.status }, result, problem });
    process.stdout.write(`${JSON.stringify({ ...told, timedOut: answer === null })}\n`);
  }
  if (answer === null) {
    const { status, phase } = handle;
    const now = phase === null ? status : `${status}, phase ${phase}`;
    process.stderr.write(`bgworker: ${titleOf(handle)} ${NOT_YET[until]} within ${timeoutMs} ms: ${now}\n`);
    return EXIT_TIMED_OUT;
  }
  return tell(handle, answer, until);
}

function waitUntil(handle: BackgroundWorkerHandle, until: Until, signal: AbortSignal): Promise<Answer> {
  if (until === 'end' || until === 'nextDeath') return handle.waitForShutdown({ until, signal });
  return handle.waitForStartup({ until, signal });
}

/** Null when the time was over first. */
async function answerWithin(
  ms: number | undefined,
  ask: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer | null> {
  const controller = new AbortController();
  const timer = ms === undefined ? null : startLongTimer(ms, () => controller.abort());
  try {
    return await ask(controller.signal);
  } catch (error) {
    if (error !== controller.signal.reason) throw error;
    return null;
  } finally {
    timer?.stop();
  }
}

/** What it returned may be something that cannot be had; it has ended well all the same. */
async function resultOf(
  handle: BackgroundWorkerHandle,
): Promise<{ readonly result?: unknown; readonly problem?: BgworkerError }> {
  try {
    return { result: await handle.result() };
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    process.stderr.write(`bgworker: ${error.describe()}\n`);
    return { problem: error };
  }
}

function tell(handle: BackgroundWorkerHandle, answer: Answer, until: Until): number {
  if (answer.status === 'started') return 0;
  if (answer.status === 'postmasterDied') return tellPostmasterDied(titleOf(handle));
  const { reason, willRestart } = answer;
  const title = titleOf(handle);
  if (!endedWell(reason)) process.stderr.write(`${describeFailure({ title, job: null, isHere: false }, reason)}\n`);
  if (willRestart) process.stderr.write('  it is started again by itself\n');
  if (until === 'end' || until === 'nextDeath') return exitCodeOfEnd(reason, true);
  return hadStarted(reason, until) ? 0 : EXIT_NOT_STARTED;
}
