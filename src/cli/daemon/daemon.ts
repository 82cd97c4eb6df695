/**
 * A postmaster that stands by itself: it reads its configuration, serves until it is told to stop, and tells the service
 * manager, if there is one. The process it runs in is either the command (`start --foreground`) or one that the command
 * has made and left (main.ts).
 *
 *   SIGTERM, SIGINT   fast shutdown      SIGQUIT   immediate      SIGHUP   reads its configuration again
 */
import { BgworkerError } from '../../base/index.js';
import type { Configuration, Settings } from '../../postmaster/index.js';
import { jsonLines, Log, listenToSignals, Postmaster, readSettings, ServiceNotifier } from '../../postmaster/index.js';
import type { ReloadReport } from '../../protocol/index.js';
import type { Overrides } from '../config/evaluate.js';
import { evaluateConfig } from '../config/evaluate.js';
import { daemonDefaults } from './defaults.js';
import type { LogFile } from './logFile.js';

export interface DaemonOptions {
  readonly directory: string;
  readonly configFile: string | null;
  /** What the command line said; it outweighs the configuration, now and after every reload. */
  readonly overrides: Overrides;
  /** Null: our own standard output and error. */
  readonly log: { readonly path: string; readonly file: LogFile } | null;
}

export interface Daemon {
  readonly postmaster: Postmaster;
  readonly settings: Settings;
  /** Resolves when everything is over, with the exit code: 1 if it went down by itself, which the log explains. */
  readonly ended: Promise<number>;
}

/** Throws `ERR_INVALID_CONFIG`, `ERR_INVALID_SETTING`, `ERR_POSTMASTER_RUNNING`, and what is wrong with the directory. */
export async function startDaemon({ directory, configFile, overrides, log: place }: DaemonOptions): Promise<Daemon> {
  const sinks = place === null ? process : { stdout: place.file.sink, stderr: place.file.sink };
  const own = { ...overrides, directory };
  const defaults = daemonDefaults();
  const stopping = new AbortController();
  const read = async (): Promise<Settings> =>
    configFile === null
      ? readSettings({ ...defaults, ...own })
      : evaluateConfig(configFile, defaults, own, stopping.signal);
  const settings = await read();
  const log = new Log(jsonLines(sinks.stderr), settings.logLevel);
  const notifier = await ServiceNotifier.open(process.env, log);
  const configuration: Configuration | null = configFile === null ? null : { file: configFile, read };
  const postmaster = await Postmaster.start({
    settings,
    log,
    sinks,
    ...(configuration !== null && { configuration }),
    ...(place !== null && { logFile: place.path }),
    onStopping: (withinMs) => {
      // A configuration that is just being read is of no use any more, and its process would outlive us.
      stopping.abort();
      notifier?.stopping('stopping', { withinMs: withinMs + END_MS });
    },
  });
  const stopListening = listenToSignals(postmaster, () => void reloadOnSignal(postmaster, log, notifier));
  notifier?.ready(`accepting workers in ${directory}`);
  const ended = postmaster.ended.then(() => {
    stopListening();
    notifier?.close();
    return postmaster.failure === null ? 0 : 1;
  });
  return { postmaster, settings, ended };
}

/** From the end of the last worker to that of the postmaster, on a machine that has little time for either. */
const END_MS = 5_000;

async function reloadOnSignal(postmaster: Postmaster, log: Log, notifier: ServiceNotifier | null): Promise<void> {
  notifier?.reloading();
  try {
    logReload(log, await postmaster.reload());
    notifier?.ready('reloaded');
  } catch (error) {
    const { code, message, detail, hint } =
      error instanceof BgworkerError ? error : new BgworkerError('', String(error));
    log.say('error', `nothing was reloaded: ${message}`, { code, detail, hint });
    notifier?.ready(`nothing was reloaded: ${message}`);
  }
}

function logReload(log: Log, { changed, needRestart, workers }: ReloadReport): void {
  const touched = workers.filter(({ change }) => change !== 'unchanged' && change !== 'leftEnded');
  log.say('info', 'configuration read again', { changed, needRestart, workers: touched });
}
