/**
 * What is to be run: the words that `run` and `launch` share, and what they mean. A job is read completely before
 * anything is started, so a command line that is wrong has started nothing.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { BackgroundWorkerHandle, Client, RegisterOptions } from '../client/index.js';
import { MAX_INTERVAL_MS } from '../core/index.js';
import { readField, readMilliseconds, usage } from './words.js';

export interface JobOptions {
  readonly arg?: string;
  readonly set?: readonly string[];
  readonly script?: boolean;
  readonly until: 'forked' | 'running' | 'ready';
  readonly maxRunMs?: string;
}

export function addJobWords(command: Command): Command {
  return command
    .usage('<module>[#export] [options] [args...]')
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
    .option('--max-run-ms <ms>', 'end it when it has run so long');
}

export interface Job {
  /** As it was typed, for telling people of it. */
  readonly typed: string;
  /** A file URL. */
  readonly module: string;
  /** Null for a script. */
  readonly functionName: string | null;
  readonly args: readonly string[];
  readonly argument: unknown;
  readonly readsStdin: boolean;
  readonly maxRunMs: number | undefined;
}

export function readJob(typed: string, args: readonly string[], options: JobOptions): Job {
  const hash = typed.lastIndexOf('#');
  const path = hash > 0 ? typed.slice(0, hash) : typed;
  const exportName = hash > 0 && hash < typed.length - 1 ? typed.slice(hash + 1) : 'default';
  const script = options.script === true;
  if (script && hash > 0) throw usage('--script runs the whole module', typed, 'leave out the # and the name');
  if (script && (options.arg !== undefined || options.set !== undefined)) {
    throw usage('--script takes no --arg and no --set', typed, 'give the words behind the module instead');
  }
  if (!script && args.length > 0) {
    throw usage('unexpected words behind the module', args.join(' '), 'use --arg or --set, or --script for a program');
  }
  return {
    typed,
    module: path.startsWith('file:') ? path : pathToFileURL(resolve(path)).href,
    functionName: script ? null : exportName,
    args,
    maxRunMs: readMilliseconds('--max-run-ms', options.maxRunMs, { least: 1, most: MAX_INTERVAL_MS }),
    argument: readArgument(options),
    readsStdin: options.arg === '-',
  };
}

export function registerJob(
  client: Client,
  { module, functionName, args, argument, maxRunMs }: Job,
  options: RegisterOptions,
): Promise<BackgroundWorkerHandle<unknown>> {
  const common = { ...options, maxRunMs };
  if (functionName === null) return client.script(module).register({ ...common, args });
  return client.module(module).register(functionName, argument, common);
}

function readArgument({ arg, set }: JobOptions): unknown {
  if (arg !== undefined && set !== undefined) throw usage('--arg and --set together', arg, 'use one of them');
  if (arg !== undefined) {
    const text = arg === '-' ? readFileSync(0, 'utf8') : arg;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw usage('--arg is not JSON', (error as Error).message, `strings need quotes: --arg '"text"'`);
    }
  }
  return set === undefined ? undefined : Object.fromEntries(set.map(readArgumentField));
}

/** `n=3` is the number 3; what is not JSON is the text itself. */
function readArgumentField(field: string): readonly [string, unknown] {
  const [name, text] = readField('--set', field, 'url=https://example.org depth=2');
  try {
    return [name, JSON.parse(text)];
  } catch {
    return [name, text];
  }
}
