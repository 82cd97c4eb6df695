/**
 * `bgworker terminate`: asks workers to stop for good, and waits until they are gone. All of them are found before any
 * is asked, so a name that is wrong has ended nobody; then all are asked at once.
 */
import { Command } from 'commander';
import type { BackgroundWorkerHandle, Client } from '../../client/index.js';
import { explainStop } from '../../client/index.js';
import { MAX_INTERVAL_MS } from '../../core/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, highestOf, jsonLinesOption, tellPostmasterDied, withClient } from '../attached.js';
import { report } from '../report.js';
import { readMilliseconds } from '../words.js';
import { titleOf, workersNamed } from '../workerNamed.js';

export function terminateCommand(): Command {
  return new Command('terminate')
    .description('stop workers for good')
    .argument('<worker...>', 'handles, or names')
    .option('--timeout <ms>', "from being asked to SIGKILL; 0: kill at once; default: the worker's own")
    .option('--no-wait', 'ask only, and do not wait until they are gone')
    .addOption(directoryOption())
    .addOption(jsonLinesOption())
    .action((words: string[], options: TerminateOptions) => {
      const timeoutMs = readMilliseconds('--timeout', options.timeout, { least: 0, most: MAX_INTERVAL_MS });
      return withClient(options, (client) => terminate(client, words, timeoutMs, options));
    });
}

interface TerminateOptions extends AttachOptions {
  readonly timeout?: string;
  readonly wait: boolean;
}

async function terminate(
  client: Client,
  words: readonly string[],
  timeoutMs: number | undefined,
  { wait, json }: TerminateOptions,
): Promise<number> {
  const handles = await workersNamed(client, words);
  await Promise.all(handles.map((handle) => handle.terminate(timeoutMs === undefined ? {} : { timeoutMs })));
  return highestOf(handles.map((handle) => told(handle, wait, json === true)));
}

/** Each is told of when it is gone, not when all are. */
async function told(handle: BackgroundWorkerHandle, wait: boolean, isJson: boolean): Promise<number> {
  const answer = wait ? await handle.waitForShutdown() : { status: handle.status };
  if (isJson) process.stdout.write(`${JSON.stringify(report({ handle, answer }))}\n`);
  if (answer.status === 'postmasterDied') return tellPostmasterDied(titleOf(handle));
  const what = 'reason' in answer ? explainStop(answer.reason).what : 'has been asked to stop';
  if (!isJson) process.stdout.write(`${titleOf(handle)} ${what}\n`);
  return 0;
}
