/**
 * `bgworker run`: one worker, run here and now, without any set-up. The postmaster lives in this process, so nothing
 * has to be there before and nothing is left behind; standard input and output are the worker's.
 *
 * The exit code is the worker's own; 70 says that it could not be started, and standard error says why.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { Command, Option } from 'commander';
import { BgworkerError } from '../../base/index.js';
import type { BackgroundWorkerHandle, Client, PostmasterDied, Started, Stopped } from '../../client/index.js';
import { connect, describeScene, explainStop } from '../../client/index.js';
import { jsonLines, Log, Postmaster, readSettings } from '../../postmaster/index.js';
import { EXIT_NOT_STARTED, exitCodeOfEnd } from '../exitCodes.js';

export function runCommand(): Command {
  return new Command('run')
    .description('run a worker here, and exit as it does')
    .argument('<module>', 'path of the module, and after a # the export to call: ./jobs.js#prune')
    .argument('[args...]', 'with --script: what the script finds in process.argv')
    .option('--arg <json>', 'the argument of the function, as JSON; - reads it from standard input')
    .option('--set <key=value...>', 'an argument of the function that is an object of these fields')
    .option('--script', 'run the module as a program: nothing is called, it ends when its event loop is empty')
    .addOption(
      new Option('--until <phase>', 'what counts as started')
        .choices(['forked', 'running', 'ready'])
        .default('running'),
    )
    .option('--max-run-ms <ms>', 'end it when it has run so long')
    .option('--json', 'print one JSON object as the last line of standard output')
    .action(async (module: string, args: string[], options: RunOptions) => {
      process.exitCode = await run(module, args, options);
    });
}

interface RunOptions {
  readonly arg?: string;
  readonly set?: readonly string[];
  readonly script?: boolean;
  readonly until: 'forked' | 'running' | 'ready';
  readonly maxRunMs?: string;
  readonly json?: boolean;
}

type Startup = Started | Stopped | PostmasterDied;
type End = Stopped | PostmasterDied;

/** Gives the exit code. */
async function run(module: string, args: readonly string[], options: RunOptions): Promise<number> {
  const job = readJob(module, args, options);
  const stdout = new EndOfLine(process.stdout);
  const postmaster = await Postmaster.start({
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
  const client = await connect({ directory: postmaster.directory });
  try {
    const handle = await register(client, job, options);
    const stopListening = passSignalsTo(handle, postmaster);
    const startup = await handle.waitForStartup({ until: options.until });
    const end = await handle.waitForShutdown();
    stopListening();
    const { value, problem } = await resultOf(handle, end);
    if (options.json === true) stdout.line(JSON.stringify(report(handle.id, startup, end, value)));
    else tell(handle.name, job.module, end);
    if (problem === undefined) return exitCode(end, job.functionName === null);
    process.stderr.write(`bgworker: ${problem.describe()}\n`);
    return 1;
  } finally {
    postmaster.shutdown('fast');
    await postmaster.ended;
  }
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

interface Job {
  readonly module: string;
  readonly functionName: string | null;
  readonly args: readonly string[];
  readonly argument: unknown;
  readonly readsStdin: boolean;
}

function readJob(module: string, args: readonly string[], options: RunOptions): Job {
  const hash = module.lastIndexOf('#');
  const path = hash > 0 ? module.slice(0, hash) : module;
  const exportName = hash > 0 ? module.slice(hash + 1) : 'default';
  const script = options.script === true;
  if (script && hash > 0) throw usage('--script runs the whole module', module, 'leave out the # and the name');
  if (script && (options.arg !== undefined || options.set !== undefined)) {
    throw usage('--script takes no --arg and no --set', module, 'give the words behind the module instead');
  }
  if (!script && args.length > 0) {
    throw usage('unexpected words behind the module', args.join(' '), 'use --arg or --set, or --script for a program');
  }
  return {
    module: path.startsWith('file:') ? path : pathToFileURL(resolve(path)).href,
    functionName: script ? null : exportName,
    args,
    argument: readArgument(options),
    readsStdin: options.arg === '-',
  };
}

function readArgument({ arg, set }: RunOptions): unknown {
  if (arg !== undefined && set !== undefined) throw usage('--arg and --set together', arg, 'use one of them');
  if (arg !== undefined) {
    const text = arg === '-' ? readFileSync(0, 'utf8') : arg;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw usage('--arg is not JSON', (error as Error).message, `strings need quotes: --arg '"text"'`);
    }
  }
  if (set === undefined) return undefined;
  return Object.fromEntries(set.map(readField));
}

/** `n=3` is the number 3; what is not JSON is the text itself. */
function readField(field: string): readonly [string, unknown] {
  const at = field.indexOf('=');
  if (at <= 0) throw usage('--set wants key=value', field, 'such as --set url=https://example.org depth=2');
  const text = field.slice(at + 1);
  try {
    return [field.slice(0, at), JSON.parse(text)];
  } catch {
    return [field.slice(0, at), text];
  }
}

function register(client: Client, job: Job, options: RunOptions): Promise<BackgroundWorkerHandle<unknown>> {
  const maxRunMs = options.maxRunMs === undefined ? {} : { maxRunMs: readMilliseconds(options.maxRunMs) };
  const common = { lifetime: 'client', ...maxRunMs } as const;
  if (job.functionName === null) return client.script(job.module).register({ ...common, args: job.args });
  return client.module(job.module).register(job.functionName, job.argument, common);
}

function readMilliseconds(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0)) throw usage('--max-run-ms is not a number', text, 'milliseconds above 0');
  return value;
}

/** Ctrl-C asks the worker to stop; a second one does not wait for it. */
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
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}

/** For people: what, why, where; nothing when it ended well. Its own output has been passed through already. */
function tell(name: string, module: string, end: End): void {
  if (end.status === 'postmasterDied') {
    process.stderr.write('bgworker: the postmaster died\n');
    return;
  }
  if (!endedBadly(end)) return;
  const { reason } = end;
  const { what, hint } = explainStop(reason);
  const lines = [`bgworker: background worker ${JSON.stringify(name)} ${what}`];
  lines.push(describeScene({ ...reason, output: '' }, module));
  const stack = 'error' in reason ? reason.error?.stack : undefined;
  if (stack !== undefined) lines.push(...stack.split('\n').map((line) => `    ${line}`));
  if (hint.hint !== undefined) lines.push(`  hint: ${hint.hint}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

const ENDED_WELL: readonly string[] = ['returned', 'exitedWithoutReturning'];

function endedBadly(end: Stopped): boolean {
  return !ENDED_WELL.includes(end.reason.kind);
}

/** A script that ends itself on its top level has run, though it was not evaluated to its end: its code is its own. */
function exitCode(end: End, isScript: boolean): number {
  if (end.status === 'postmasterDied') return EXIT_NOT_STARTED;
  const { code, signal, enteredAt, kind } = end.reason;
  const endedItself = isScript && (kind === 'diedBeforeRunning' || kind === 'exitedWithoutReturning');
  if (enteredAt === null && !endedItself) return EXIT_NOT_STARTED;
  return exitCodeOfEnd(code, signal, endedBadly(end));
}

/** The contract for scripts: see docs/cli.md. */
function report(handle: string, startup: Startup, end: End, result: unknown): unknown {
  const reason = end.status === 'stopped' ? end.reason : null;
  const failed = end.status === 'stopped' && endedBadly(end) ? end.reason : null;
  return {
    handle,
    status: startup.status,
    pid: reason?.pid ?? null,
    phase: reason?.phase ?? null,
    reason:
      failed === null
        ? null
        : {
            ...failed,
            error: 'error' in failed && failed.error !== undefined ? failed.error : null,
          },
    exit: reason === null || reason.pid === null ? null : { code: reason.code, signal: reason.signal },
    result: inJson(result),
  };
}

/** What JSON has no words for (a BigInt, a cycle) is said in text. */
function inJson(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value ?? null;
  } catch {
    return inspect(value);
  }
}

function usage(message: string, detail: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_USAGE', message, { detail, hint });
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
