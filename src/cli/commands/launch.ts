/**
 * `bgworker launch`: registers a worker with a running postmaster, and waits until it has started. The handle alone is
 * on standard output, so that `handle=$(bgworker launch …)` is what a script needs; the worker lives on without us.
 *
 * Whoever interrupts the wait has no handle, and nobody would ever end the worker: so it is ended, unless it may be
 * somebody else's.
 */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { BgworkerError } from '../../base/index.js';
import type {
  BackgroundWorkerHandle,
  Client,
  HandleStatus,
  RegisterOptions,
  StartupAnswer,
} from '../../client/index.js';
import { MAX_INTERVAL_MS } from '../../core/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonOption, tellPostmasterDied, withClient } from '../attached.js';
import { hadStarted } from '../ending.js';
import { EXIT_NOT_STARTED } from '../exitCodes.js';
import { describeFailure } from '../failure/describeFailure.js';
import { Interruption } from '../interruption.js';
import type { Job, JobOptions } from '../job.js';
import { addJobWords, readJob, registerJob } from '../job.js';
import { report } from '../report.js';
import { readField, readMilliseconds } from '../words.js';

export function launchCommand(): Command {
  return addJobWords(new Command('launch').description('start a worker with a running postmaster'))
    .option('--no-wait', 'register it only, and do not wait until it has started')
    .option('--name <name>', 'for people, and for the other commands; default: that of the export, or of the file')
    .addOption(
      new Option('--if-name-taken <what>', 'what happens if a worker of this name is there').choices([
        'throw',
        'useIt',
        'replace',
      ]),
    )
    .addOption(
      new Option('--restart <when>', 'whether it is started again when it has ended')
        .choices(['never', 'onFailure', 'always'])
        .default('never'),
    )
    .option('--restart-time-ms <ms>', 'from its end to the next start; default: 1000')
    .option('--class <class>', 'which limit it counts against; default: default')
    .option('--env <KEY=value...>', "variables beside the postmaster's environment")
    .option('--cwd <path>', 'default: the present working directory')
    .addOption(
      new Option('--output <where>', 'what becomes of what it prints; default: as the postmaster is set').choices([
        'inherit',
        'raw',
        'log',
        'ignore',
      ]),
    )
    .option('--terminate-timeout-ms <ms>', 'from being asked to stop to SIGKILL; default: 5000')
    .addOption(directoryOption())
    .addOption(jsonOption())
    .action((module: string, args: string[], options: LaunchOptions) => {
      const job = readJob(module, args, options);
      const registerOptions = readRegisterOptions(options);
      return withClient(options, (client) => launch(client, job, registerOptions, options));
    });
}

interface LaunchOptions extends JobOptions, AttachOptions {
  readonly wait: boolean;
  readonly name?: string;
  readonly ifNameTaken?: 'throw' | 'useIt' | 'replace';
  readonly restart: 'never' | 'onFailure' | 'always';
  readonly restartTimeMs?: string;
  readonly class?: string;
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly output?: 'inherit' | 'raw' | 'log' | 'ignore';
  readonly terminateTimeoutMs?: string;
}

/** Gives the exit code. */
async function launch(
  client: Client,
  job: Job,
  options: RegisterOptions,
  { wait, until, json }: LaunchOptions,
): Promise<number> {
  const interruption = new Interruption();
  const { signal } = interruption;
  let handle: BackgroundWorkerHandle | undefined;
  try {
    handle = await registerJob(client, job, { ...options, signal });
    const answer = wait ? await handle.waitForStartup({ until, signal }) : { status: handle.status };
    if (json === true) process.stdout.write(`${JSON.stringify(report({ handle, answer }))}\n`);
    return tell(handle, answer, job, until, json === true);
  } catch (error) {
    if (interruption.exitCode === null) throw inOptions(error);
    if (options.ifNameTaken !== 'useIt') await handle?.terminate();
    process.stderr.write(`bgworker: ${job.typed} was given up before it had started\n`);
    return interruption.exitCode;
  } finally {
    interruption.ignore();
  }
}

/** The library's hint is about a field; here there is an option. */
function inOptions(error: unknown): unknown {
  if (!(error instanceof BgworkerError) || error.code !== 'ERR_NAME_TAKEN') return error;
  return new BgworkerError(error.code, error.message, {
    ...(error.detail !== undefined && { detail: error.detail }),
    hint: 'use --if-name-taken useIt or replace, or another --name',
    cause: error,
  });
}

function tell(
  handle: BackgroundWorkerHandle,
  answer: StartupAnswer | { readonly status: HandleStatus },
  job: Job,
  until: LaunchOptions['until'],
  isJson: boolean,
): number {
  if (answer.status === 'postmasterDied') return tellPostmasterDied(job.typed);
  if (!('reason' in answer) || hadStarted(answer.reason, until)) {
    if (!isJson) process.stdout.write(`${handle.id}\n`);
    return 0;
  }
  const told = [describeFailure({ title: job.typed, job, isHere: false }, answer.reason)];
  if (answer.willRestart) told.push(`  it is started again by itself; to end it: bgworker terminate ${handle.id}`);
  process.stderr.write(`${told.join('\n')}\n`);
  return EXIT_NOT_STARTED;
}

function readRegisterOptions(options: LaunchOptions): RegisterOptions {
  const { name, ifNameTaken, restart, output, cwd, env = [] } = options;
  const most = MAX_INTERVAL_MS;
  return {
    name,
    ifNameTaken,
    restart,
    output,
    class: options.class,
    cwd: cwd === undefined ? undefined : resolve(cwd),
    env: Object.fromEntries(env.map((field) => readField('--env', field, 'NODE_ENV=production'))),
    restartTimeMs: readMilliseconds('--restart-time-ms', options.restartTimeMs, { least: 0, most }),
    terminateTimeoutMs: readMilliseconds('--terminate-timeout-ms', options.terminateTimeoutMs, { least: 0, most }),
  };
}
