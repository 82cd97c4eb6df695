/**
 * From what a configuration file says to what a postmaster is given: settings as they are, and workers as complete
 * definitions, with every path made absolute from the file's folder. What is wrong with a worker is refused here, with
 * the place in the file; the settings are checked by the postmaster, which knows them (evaluate.ts says where).
 */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BgworkerError } from '../../base/index.js';
import type { WorkerSetting } from '../../client/index.js';
import { defineEarlyWorker } from '../../client/index.js';
import type { BackgroundWorker } from '../../core/index.js';
import { foreignField } from './foreignFields.js';

type Fields = { readonly [name: string]: unknown };

/** What is written by a person, and may be anything. */
export async function readConfig(config: unknown, file: string): Promise<Fields> {
  if (!isRecord(config)) throw wrong(file, 'it is no object', 'export default defineConfig({ … })');
  const { workers = [], preload, ...settings } = config;
  refuseWhatNoFileCanSay(settings, file);
  if (!Array.isArray(workers)) throw wrong(file, 'workers is no list', 'workers: [{ module: … }]');
  const folder = dirname(file);
  const defined: BackgroundWorker[] = [];
  for (const [index, entry] of workers.entries()) defined.push(...(await readWorker(entry, `workers[${index}]`, file)));
  refuseSameNames(defined, file);
  return {
    ...settings,
    ...(preload !== undefined && { preload: preloadIn(preload, folder) }),
    workers: defined,
  };
}

function refuseWhatNoFileCanSay(settings: Fields, file: string): void {
  if ('directory' in settings) {
    throw wrong(
      file,
      'directory is set',
      'clients do not read this file: use --directory, or BGWORKER_DIR for all of them',
    );
  }
  if ('logger' in settings) throw wrong(file, 'logger is set', 'a daemon writes JSON lines: see bgworker logs');
}

async function readWorker(entry: unknown, place: string, file: string): Promise<readonly BackgroundWorker[]> {
  if (!isRecord(entry))
    throw wrong(file, `${place} is no object`, `${place.split('[')[0]}: [{ module: './jobs.js#prune' }]`);
  const { instances = 1, ...fields } = entry;
  if (!Number.isInteger(instances) || (instances as number) < 1 || (instances as number) > 1_000) {
    throw wrong(file, `${place}.instances is ${JSON.stringify(instances)}`, 'a whole number from 1 to 1000');
  }
  const setting = locate(fields, place, file);
  const worker = await define(setting, place, file);
  return instancesOf(worker, instances as number);
}

/** Paths from the file's folder, `#export` taken off, and the module there. */
function locate(fields: Fields, place: string, file: string): Fields {
  const folder = dirname(file);
  const kinds = ['module', 'script', 'worker'].filter((kind) => fields[kind] !== undefined);
  if (kinds.length !== 1) {
    const has = kinds.length === 0 ? 'says nothing to run' : `has ${kinds.join(' and ')}`;
    throw wrong(file, `${place} ${has}`, "give one of module: './jobs.js#prune', script: './server.js', worker");
  }
  const { cwd = '.', ...others } = fields;
  const located = { ...others, cwd: typeof cwd === 'string' ? resolve(folder, cwd) : cwd };
  if (fields['worker'] !== undefined) return located;
  const kind = fields['module'] === undefined ? 'script' : 'module';
  const { path, exportName } = split(fields[kind], kind, folder, `${place}.${kind}`, file);
  if (!existsSync(path)) {
    throw wrong(file, `${place}.${kind}: ${path} is missing`, 'paths are relative to the configuration file');
  }
  return { ...located, [kind]: pathToFileURL(path).href, ...(exportName !== undefined && { exportName }) };
}

function split(
  location: unknown,
  kind: 'module' | 'script',
  folder: string,
  place: string,
  file: string,
): { readonly path: string; readonly exportName?: string } {
  const text = location instanceof URL ? location.href : location;
  if (typeof text !== 'string' || text === '') throw wrong(file, `${place} is no path`, "such as './jobs.js#prune'");
  const hash = kind === 'module' ? text.lastIndexOf('#') : -1;
  const bare = hash > 0 ? text.slice(0, hash) : text;
  const path = bare.startsWith('file:') ? fileURLToPath(bare) : resolve(folder, bare);
  return hash > 0 ? { path, exportName: text.slice(hash + 1) } : { path };
}

async function define(setting: Fields, place: string, file: string): Promise<BackgroundWorker> {
  const foreign = Object.keys(setting).find((name) => foreignField(name) !== undefined);
  if (foreign !== undefined) {
    throw wrong(file, `${place}.${foreign} is no field of a worker`, foreignField(foreign) ?? '');
  }
  try {
    return await defineEarlyWorker(setting as unknown as WorkerSetting);
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    throw wrong(file, `${place}: ${error.detail ?? error.message}`, error.hint ?? error.message);
  }
}

function instancesOf(worker: BackgroundWorker, instances: number): readonly BackgroundWorker[] {
  if (instances === 1) return [worker];
  return Array.from({ length: instances }, (_, index) => ({
    ...worker,
    name: `${worker.name}-${index + 1}`,
    env: { ...worker.env, BGWORKER_INSTANCE: String(index + 1) },
  }));
}

/** A reload knows them by their names. */
function refuseSameNames(workers: readonly BackgroundWorker[], file: string): void {
  const seen = new Set<string>();
  for (const { name } of workers) {
    if (seen.has(name))
      throw wrong(file, `two workers are named ${JSON.stringify(name)}`, 'give each a name of its own');
    seen.add(name);
  }
}

function preloadIn(preload: unknown, folder: string): unknown {
  if (!Array.isArray(preload)) return preload;
  return preload.map((location: unknown) => {
    if (location instanceof URL) return location.href;
    if (typeof location !== 'string' || location.startsWith('file:')) return location;
    return pathToFileURL(resolve(folder, location)).href;
  });
}

function wrong(file: string, what: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_CONFIG', 'the configuration is not valid', {
    detail: `${file}: ${what}`,
    hint,
  });
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
