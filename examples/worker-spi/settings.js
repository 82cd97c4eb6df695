/**
 * What PostgreSQL's worker_spi finds in postgresql.conf stands here in worker-spi.json. Nothing is kept: whoever is told
 * to reload reads the file again.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SETTINGS_FILE = fileURLToPath(new URL('./worker-spi.json', import.meta.url));

const isFrom1To = (most) => (value) => Number.isInteger(value) && value >= 1 && value <= most;

const SETTINGS = {
  /** The file that holds the tables; a path is relative to the settings. */
  database: { preset: 'worker-spi.db', isRight: (value) => typeof value === 'string' && value !== '', is: 'a path' },
  /** How long a worker sleeps between two rounds, unless it is woken. */
  naptimeMs: { preset: 10_000, isRight: isFrom1To(86_400_000_000), is: 'milliseconds, from 1 to 1000 days' },
  /** How many workers are there from the start. */
  totalWorkers: { preset: 2, isRight: isFrom1To(100), is: 'a number from 1 to 100' },
};

/** Throws if the file is not there, is no JSON, or holds what is not a setting. */
export function readSettings(file = SETTINGS_FILE) {
  const said = JSON.parse(readFileSync(file, 'utf8'));
  const unknown = Object.keys(said).find((name) => !Object.hasOwn(SETTINGS, name));
  if (unknown !== undefined) throw new Error(`${file}: there is no setting ${unknown}`);
  const settings = {};
  for (const [name, { preset, isRight, is }] of Object.entries(SETTINGS)) {
    settings[name] = said[name] ?? preset;
    if (!isRight(settings[name])) throw new Error(`${file}: ${name} must be ${is}`);
  }
  return { ...settings, database: resolve(dirname(file), settings.database) };
}
