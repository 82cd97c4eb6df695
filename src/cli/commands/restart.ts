/**
 * `bgworker restart`: stops workers and starts them again, whatever their restart policy, and waits until each has
 * started. All of them are found before any is touched, so a name that is wrong has stopped nobody.
 */
import { Command } from 'commander';
import type { BackgroundWorkerHandle, Client, HandleStatus, Started, Stopped } from '../../client/index.js';
import { explainStop, hasReached } from '../../client/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, highestOf, jsonLinesOption, tellPostmasterDied, withClient } from '../attached.js';
import { hadStarted } from '../ending.js';
import { EXIT_NOT_STARTED } from '../exitCodes.js';
import { describeFailure } from '../failure/describeFailure.js';
import { report } from '../report.js';
import { titleOf, workersNamed } from '../workerNamed.js';

export function restartCommand(): Command {
  return new Command('restart')
    .description('stop workers and start them again')
    .argument('<worker...>', 'handles, or names')
    .option('--no-wait', 'ask only, and do not wait until they have started')
    .addOption(directoryOption())
    .addOption(jsonLinesOption())
    .action((words: string[], options: RestartOptions) =>
      withClient(options, (client) => restartAll(client, words, options)),
    );
}

interface RestartOptions extends AttachOptions {
  readonly wait: boolean;
}

async function restartAll(client: Client, words: readonly string[], { wait, json }: RestartOptions): Promise<number> {
  const handles = await workersNamed(client, words);
  return highestOf(handles.map((handle) => restart(handle, wait, json === true)));
}

type Answer = Started | Stopped | { readonly status: HandleStatus };

async function restart(handle: BackgroundWorkerHandle, wait: boolean, isJson: boolean): Promise<number> {
  const { attempts } = handle;
  await handle.restart();
  const answer = wait ? await nextStart(handle, attempts) : { status: handle.status };
  if (isJson) process.stdout.write(`${JSON.stringify(report({ handle, answer }))}\n`);
  if (answer.status === 'postmasterDied') return tellPostmasterDied(titleOf(handle));
  const hasFailed = 'reason' in answer && !(answer.reason.attempt > attempts && hadStarted(answer.reason, 'running'));
  if (hasFailed) {
    const subject = { title: titleOf(handle), job: null, isHere: false };
    process.stderr.write(`${describeFailure(subject, answer.reason)}\n`);
    return EXIT_NOT_STARTED;
  }
  if (!isJson) process.stdout.write(`${titleOf(handle)} ${whatHappened(answer)}\n`);
  return 0;
}

function whatHappened(answer: Answer): string {
  if ('pid' in answer) return `has started again, process ${answer.pid}`;
  return 'reason' in answer
    ? `started again, and ${explainStop(answer.reason).what}`
    : 'has been asked to stop and start again';
}

/**
 * What becomes of the first attempt behind those that there had been. `waitForStartup` would do for a worker that runs
 * now: but of one that rests it answers for the attempt that has failed.
 */
async function nextStart(handle: BackgroundWorkerHandle, attemptsBefore: number): Promise<Answer> {
  for await (const { status, attempts, deaths, phase, pid, reason, final, willRestart, retryAt } of handle) {
    if (status === 'postmasterDied') break;
    if (attempts > attemptsBefore && pid !== null && hasReached(phase, 'running', status === 'started')) {
      return { status: 'started', pid };
    }
    if (reason === null || (!final && deaths <= attemptsBefore)) continue;
    return { status: 'stopped', reason, willRestart, retryAt };
  }
  return { status: 'postmasterDied' };
}
