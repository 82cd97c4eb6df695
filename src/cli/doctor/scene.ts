/**
 * What `bgworker doctor` looks at: the machine as the checks may see it, the place where a postmaster is or would be,
 * the configuration, and what the postmaster says of itself. Gathered once; nothing is started, made or changed, but
 * for the child that evaluates the configuration.
 */
import { BgworkerError } from '../../base/index.js';
import type { PostmasterStatus, Spares } from '../../client/index.js';
import { connect } from '../../client/index.js';
import type { Settings } from '../../postmaster/index.js';
import { defaultSlots, isLive } from '../../postmaster/index.js';
import { findConfigFile } from '../config/configFile.js';
import { evaluateConfig } from '../config/evaluate.js';
import type { Place } from '../config/place.js';
import { findPlace } from '../config/place.js';
import { daemonDefaults } from '../daemon/defaults.js';

export interface Scene {
  /** Where /proc, /sys and /dev are looked for: `/`, but for tests. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly platform: string;
  readonly nodeVersion: string;
  readonly now: Date;
  readonly cwd: string;
  readonly place: Place;
  readonly config: ConfigFound;
  readonly postmaster: PostmasterFound;
}

export type ConfigFound =
  | { readonly state: 'none' }
  | { readonly state: 'valid'; readonly file: string; readonly settings: Settings }
  | { readonly state: 'invalid'; readonly error: BgworkerError };

export type PostmasterFound =
  | { readonly state: 'absent' }
  /** There is the socket of a dead one. */
  | { readonly state: 'dead' }
  | { readonly state: 'answers'; readonly status: PostmasterStatus; readonly spares: Spares }
  /** It accepts, and says nothing. */
  | { readonly state: 'silent'; readonly patienceMs: number }
  | { readonly state: 'refuses'; readonly error: BgworkerError };

export interface SceneOptions {
  readonly directory?: string;
  readonly config?: string;
  readonly root?: string;
  /** How long the postmaster may take for its answer. */
  readonly patienceMs?: number;
}

export async function gatherScene({ directory, config, root = '/', patienceMs = 5_000 }: SceneOptions): Promise<Scene> {
  const { env, platform, version: nodeVersion } = process;
  const cwd = process.cwd();
  const place = findPlace(
    { ...(directory !== undefined && { directory }), ...(config !== undefined && { config }) },
    env,
    cwd,
  );
  return {
    root,
    env,
    platform,
    nodeVersion,
    now: new Date(),
    cwd,
    place,
    config: await findConfig(config),
    postmaster: await findPostmaster(place.directory, patienceMs),
  };
}

/** How many workers there may be: as the postmaster says, else the configuration, else the default of a daemon. */
export function slotsOf({ postmaster, config }: Scene): number {
  if (postmaster.state === 'answers') return postmaster.status.slots.max;
  return config.state === 'valid' ? config.settings.limits.maxWorkerProcesses : defaultSlots('daemon');
}

async function findConfig(named: string | undefined): Promise<ConfigFound> {
  try {
    const file = findConfigFile(named);
    if (file === undefined) return { state: 'none' };
    return { state: 'valid', file, settings: await evaluateConfig(file, daemonDefaults(), {}) };
  } catch (error) {
    if (error instanceof BgworkerError) return { state: 'invalid', error };
    throw error;
  }
}

async function findPostmaster(directory: string, patienceMs: number): Promise<PostmasterFound> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    const client = await connect({ directory, signal });
    try {
      const [status, spares] = [await client.postmasterStatus({ signal }), await client.spares({ signal })];
      return { state: 'answers', status, spares };
    } finally {
      await client.close();
    }
  } catch (error) {
    if (signal.aborted) return { state: 'silent', patienceMs };
    if (!(error instanceof BgworkerError)) throw error;
    if (error.code !== 'ERR_NO_POSTMASTER') return { state: 'refuses', error };
    return { state: (await isLive(directory)) === 'stale' ? 'dead' : 'absent' };
  }
}
