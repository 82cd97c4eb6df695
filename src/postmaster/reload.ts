/**
 * The settings that hold now, and how they come to be others: by a client that names new values, or by reading the
 * configuration again. Either everything that can be taken is taken, or something is wrong and nothing has changed.
 *
 * A configuration is read by a process of its own and takes a while, in which everything else goes on; two reloads
 * wait for each other. What a client changed is the configuration's again with the next reload, as in PostgreSQL what
 * was only set for now.
 *
 * Model: ProcessConfigFile in guc-file.l; the workers that are listed are beyond it.
 */
import { BgworkerError } from '../base/index.js';
import type { ListChange } from '../core/index.js';
import type { ReloadReport } from '../protocol/index.js';
import type { Settings } from './settings.js';
import { adoptSettings, changeSettings, compareSettings } from './settings.js';

/** A configuration that can be read again. */
export interface Configuration {
  readonly file: string;
  /** Gives the settings it says now. Throws what is wrong with it. */
  read(): Promise<Settings>;
}

export interface ReloadOptions {
  readonly settings: Settings;
  readonly configuration: Configuration | null;
  readonly isGoingDown: () => boolean;
  /** Makes these settings hold. */
  readonly adopt: (settings: Settings) => void;
  /** Brings the listed workers in line with the list, and says how. */
  readonly relist: (workers: Settings['workers']) => readonly ListChange[];
  readonly now: () => number;
}

export class Reload {
  readonly #options: ReloadOptions;
  #settings: Settings;
  #running: Promise<unknown> = Promise.resolve();
  #lastAt: number | null = null;

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** When the configuration was last read again. */
  get lastAt(): number | null {
    return this.#lastAt;
  }

  /** What a client names. Throws `ERR_INVALID_SETTING`. */
  change(given: unknown): ReloadReport {
    const settings = changeSettings(this.#settings, given);
    const { changed } = compareSettings(this.#settings, settings);
    this.#adopt(settings);
    return { changed, needRestart: [], workers: [] };
  }

  /** Reads the configuration again; without one, nothing changes. Throws what is wrong with it, and `ERR_SHUTTING_DOWN`. */
  readAgain(): Promise<ReloadReport> {
    const reading = this.#running.catch(() => {}).then(() => this.#read());
    this.#running = reading;
    return reading;
  }

  async #read(): Promise<ReloadReport> {
    const { configuration, isGoingDown, relist, now } = this.#options;
    if (configuration === null) {
      this.#adopt(this.#settings);
      return { changed: [], needRestart: [], workers: [] };
    }
    const [read] = await Promise.allSettled([configuration.read()]);
    // Whatever came of it: the end may be what ended it.
    if (isGoingDown()) {
      throw new BgworkerError('ERR_SHUTTING_DOWN', 'the postmaster is shutting down', { hint: 'start the next one' });
    }
    if (read.status === 'rejected') throw read.reason;
    const { changed, needRestart } = compareSettings(this.#settings, read.value);
    // The limits come first: there may be slots for more now.
    this.#adopt(adoptSettings(this.#settings, read.value));
    const workers = relist(read.value.workers);
    this.#lastAt = now();
    return { changed, needRestart, workers };
  }

  #adopt(settings: Settings): void {
    this.#settings = settings;
    this.#options.adopt(settings);
  }
}
