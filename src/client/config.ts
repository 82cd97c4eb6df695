/**
 * What a `bgworker.config.*` file says: the settings of a daemon and the workers that it is to have. Only its shape is
 * here, so that an editor knows it; the command line reads such files (cli/config), and nobody else does.
 */
import type { WorkerValue } from '../protocol/index.js';
import type { ModuleLocation, ScriptOptions, WorkerOptions } from './registration.js';
import type { PostmasterSettings } from './settings.js';

/** The settings of `startPostmaster`, but for those that a file cannot say. Paths are relative to the file. */
export interface Config extends Omit<PostmasterSettings, 'directory' | 'logger' | 'workers'> {
  /** Workers that are there from the start. */
  readonly workers?: readonly ConfigWorker[] | undefined;
}

/**
 * A worker that is there from the start, and is brought in line with the file by a reload. Known by its name, which has
 * to be its own: default as for any worker, the name of the export or of the file.
 *
 * `module` is `'./jobs.js#prune'`, without `#…` the default export; `script` a program without an export. `restart` is
 * `onFailure` by default, with a backoff from a second to a minute. `cwd` is by default the file's folder.
 */
export type ConfigWorker = { readonly instances?: number | undefined } & (
  | (WorkerOptions & { readonly module: ModuleLocation; readonly arg?: unknown })
  | (ScriptOptions & { readonly script: ModuleLocation })
  | (WorkerOptions & { readonly worker: WorkerValue<never>; readonly arg?: unknown })
);

/** Gives what it is given: `export default defineConfig({ … })` lets an editor complete and check it. */
export function defineConfig(config: Config): Config {
  return config;
}
