/**
 * `bgworker start`: a postmaster that stays. It is made in the background and the command ends when it accepts; with
 * `--foreground` the command itself is the postmaster, as service managers and containers want it. Where one is running
 * already there is nothing to do, and the command says so and ends well: a script may say it twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { BgworkerError } from '../../base/index.js';
import { connect, findDirectory } from '../../client/index.js';
import { directoryOption, jsonOption } from '../attached.js';
import { findConfigFile } from '../config/configFile.js';
import { findPlace } from '../config/place.js';
import { output } from '../standardOutput.js';

interface StartOptions {
  readonly foreground?: boolean;
  readonly config?: string;
  readonly directory?: string;
  readonly setting?: readonly string[];
  readonly json?: boolean;
}

export function startCommand(): Command {
  return (
    new Command('start')
      .description('start a postmaster that stays, and its workers')
      .option('--foreground', 'be the postmaster, instead of starting one in the background')
      .option('--config <file>', 'its configuration; default: the nearest bgworker.config.*')
      .option('-c, --setting <name=value...>', 'a setting, which outweighs the configuration')
      .addOption(directoryOption())
      .addOption(jsonOption())
      // A module is a likely mistake, and told what to do.
      .allowExcessArguments()
      .action((options: StartOptions, command: Command) => start(command.args[0], options))
  );
}

async function start(module: string | undefined, options: StartOptions): Promise<void> {
  if (module !== undefined) {
    throw new BgworkerError('ERR_USAGE', 'start takes no module', {
      detail: module,
      hint: `to start a worker: bgworker launch ${module}; to run one here: bgworker run ${module}`,
    });
  }
  const place = { configFile: findConfigFile(options.config) ?? null, directory: findPlace(options).directory };
  // With it comes all that a postmaster is made of, which no other command needs.
  const { readOverrides } = await import('../config/overrides.js');
  const overrides = readOverrides(options.setting ?? []);
  const running = await runningIn(place.directory);
  if (running !== undefined) return say(options, { ...running, alreadyRunning: true });
  if (options.foreground === true) return serve(options, { ...place, overrides });
  const { launchDaemon } = await import('../daemon/launchDaemon.js');
  try {
    say(options, { ...(await launchDaemon({ ...place, overrides })), alreadyRunning: false });
  } catch (error) {
    // Somebody else was quicker by a moment: it has the directory, and will accept soon.
    if (!(error instanceof BgworkerError) || error.code !== 'ERR_POSTMASTER_RUNNING') throw error;
    const other = await appearing(place.directory);
    if (other === undefined) throw error;
    say(options, { ...other, alreadyRunning: true });
  }
}

/** From having the directory to accepting takes a postmaster some 100 ms; longer, and something is wrong with it. */
const MAX_APPEARING_MS = 10_000;
const LOOK_AGAIN_MS = 20;

async function appearing(directory: string): Promise<Running | undefined> {
  const giveUpAt = performance.now() + MAX_APPEARING_MS;
  for (;;) {
    const running = await runningIn(directory);
    if (running !== undefined || performance.now() > giveUpAt) return running;
    await sleep(LOOK_AGAIN_MS);
  }
}

interface Running {
  readonly pid: number;
  readonly epoch: string;
  readonly directory: string;
  /** Null: it writes none, as with `--foreground`. */
  readonly logFile: string | null;
}

async function runningIn(directory: string): Promise<Running | undefined> {
  try {
    const client = await connect({ directory });
    try {
      const { logFile } = await client.postmasterStatus();
      return { pid: client.postmasterPid, epoch: client.epoch, directory: client.directory, logFile };
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof BgworkerError && error.code === 'ERR_NO_POSTMASTER') return undefined;
    throw error;
  }
}

async function serve(
  options: StartOptions,
  place: { directory: string; configFile: string | null; overrides: { readonly [setting: string]: unknown } },
): Promise<void> {
  const { startDaemon } = await import('../daemon/daemon.js');
  process.title = 'bgworker: postmaster';
  // A reader of our output that is gone must not end us.
  output.ignoreLoss();
  const { postmaster, ended } = await startDaemon({ ...place, log: null });
  if (options.json === true) {
    const { directory, epoch } = postmaster;
    say(options, { pid: process.pid, epoch, directory, alreadyRunning: false, logFile: null });
  }
  process.exitCode = await ended;
}

function say({ json }: StartOptions, started: Running & { readonly alreadyRunning: boolean }): void {
  if (json === true) {
    process.stdout.write(`${JSON.stringify(started)}\n`);
    return;
  }
  const { pid, directory, alreadyRunning, logFile } = started;
  const what = alreadyRunning ? 'is already running' : 'started';
  const lines = [`postmaster ${what}: process ${pid}, in ${directory}`];
  if (logFile !== null) lines.push(`log: ${logFile}`);
  if (directory !== findDirectory()) lines.push(`other commands find it by --directory ${directory}, or BGWORKER_DIR`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
