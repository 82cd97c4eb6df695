/**
 * `bgworker run`: one worker, run here and now, without any set-up. The postmaster lives in this process, so nothing
 * has to be there before and nothing is left behind; standard input and output are the worker's.
 *
 * The exit code is the worker's own; 70 says that it could not be started, and standard error says why.
 */
import { Writable } from 'node:stream';
import { Command } from 'commander';
import { BgworkerError } from '../../base/index.js';
import type { BackgroundWorkerHandle, PostmasterDied, Stopped } from '../../client/index.js';
import { connect } from '../../client/index.js';
import type { Postmaster } from '../../postmaster/index.js';
import { endedWell, exitCodeOfEnd } from '../ending.js';
import { EXIT_UNAVAILABLE } from '../exitCodes.js';
import { describeFailure } from '../failure/describeFailure.js';
import type { Job, JobOptions } from '../job.js';
import { addJobWords, readJob, registerJob } from '../job.js';
import { inJson, report } from '../report.js';
import { output } from '../standardOutput.js';

export function runCommand(): Command {
  return addJobWords(new Command('run').description('run a worker here, and exit as it does'))
    .option('--json', 'print one JSON object as the last line of standard output')
    .option('--print', 'print what the function returned: a text as it is, anything else as JSON')
    .action(async (module: string, args: string[], options: RunOptions) => {
      process.exitCode = await run(readJob(module, args, options), options);
    });
}

interface RunOptions extends JobOptions {
  readonly json?: boolean;
  readonly print?: boolean;
}

type End = Stopped | PostmasterDied;

/** Gives the exit code. */
async function run(job: Job, options: RunOptions): Promise<number> {
  const stdout = new EndOfLine(process.stdout);
  const postmaster = await startPostmaster(job, stdout);
  const client = await connect({ directory: postmaster.directory });
  try {
    const handle = await registerJob(client, job, { lifetime: 'client' });
    const stopListening = passSignalsTo(handle, postmaster);
    const startup = await handle.waitForStartup({ until: options.until });
    const end = await handle.waitForShutdown();
    stopListening();
    const { value, problem } = await resultOf(handle, end);
    const reason = end.status === 'stopped' ? end.reason : null;
    const answer = { ...end, status: startup.status };
    if (options.json === true) stdout.line(JSON.stringify(report({ handle, answer, result: value, problem })));
    else if (options.print === true && value !== null && value !== undefined) stdout.line(inWords(value));
    tell(job, end);
    if (reason === null) return EXIT_UNAVAILABLE;
    if (problem === undefined) return exitCodeOfEnd(reason, job.functionName === null);
    process.stderr.write(`bgworker: ${problem.describe()}\n`);
    return 1;
  } finally {
    postmaster.shutdown('fast');
    await postmaster.ended;
  }
}

/** All that a postmaster is made of is loaded here, and by no other command. */
async function startPostmaster(job: Job, stdout: EndOfLine): Promise<Postmaster> {
  const { jsonLines, Log, Postmaster, readSettings } = await import('../../postmaster/index.js');
  return Postmaster.start({
    settings: readSettings({
      maxWorkerProcesses: 32,
      // One worker, and then nothing follows.
      spareWorkers: 0,
      output: 'raw',
      workerStdin: job.readsStdin ? 'ignore' : 'inherit',
    }),
    log: new Log(jsonLines(process.stderr), 'error'),
    sinks: { stdout: stdout.sink, stderr: process.stderr },
  });
}

/** A text as it is, so that a shell takes it as it is. */
function inWords(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(inJson(value));
}

/** It returned, but what it returned may be something that cannot be had. */
async function resultOf(
  handle: BackgroundWorkerHandle<unknown>,
  end: End,
): Promise<{ readonly value: unknown; readonly problem?: BgworkerError }> {
  if (end.status !== 'stopped' || end.reason.kind !== 'returned') return { value: null };
  try {
    return { value: await handle.result() };
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    return { value: null, problem: error };
  }
}

/** Ctrl-C asks the worker to stop, and so does the loss of our output; a second Ctrl-C does not wait for it. */
function passSignalsTo(handle: BackgroundWorkerHandle<unknown>, postmaster: Postmaster): () => void {
  let asked = false;
  const stop = (): void => {
    if (asked) postmaster.shutdown('immediate');
    // The worker's end, whatever brings it about, is what we wait for anyway.
    else handle.terminate().catch(() => {});
    asked = true;
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  output.onLoss(stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}

/** For people; nothing when it ended well. Its own output has been passed through already. */
function tell(job: Job, end: End): void {
  if (end.status === 'postmasterDied') process.stderr.write('bgworker: the postmaster died\n');
  else if (!endedWell(end.reason)) {
    process.stderr.write(`${describeFailure({ title: job.typed, job, isHere: true }, end.reason)}\n`);
  }
}

/** Standard output that remembers whether it stands at the beginning of a line. */
class EndOfLine {
  readonly sink: Writable;
  #atBeginning = true;

  constructor(target: NodeJS.WriteStream) {
    this.sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (chunk.length > 0) this.#atBeginning = chunk.at(-1) === 0x0a;
        target.write(chunk, () => done());
      },
    });
    this.#target = target;
  }

  readonly #target: NodeJS.WriteStream;

  line(text: string): void {
    this.#target.write(`${this.#atBeginning ? '' : '\n'}${text}\n`);
  }
}
