/**
 * The postmaster: claims its directory, opens its socket, and puts together what it is made of. What decides and
 * converses is the server loop (serverLoop.ts); what makes and ends processes is the launcher, and what ends them when
 * we are dead, the guardian.
 *
 * It can be a process of its own (main.ts) or live in the process that holds it, as in `bgworker run`.
 *
 * Model: PostmasterMain in postmaster.c.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { BgworkerError } from '../base/index.js';
import type { ReloadReport } from '../protocol/index.js';
import { introduce, perUserDirectory, SOCKET_NAME } from '../protocol/index.js';
import { monotonicClock } from './clock.js';
import type { DirectoryClaim } from './directory.js';
import { claimDirectory, makePrivateDirectory, prepareDirectory } from './directory.js';
import { Guardian } from './guardian.js';
import { Launcher } from './launcher.js';
import { clearClaimedDirectory, endStrays, sweepPrivateDirectories } from './leftovers.js';
import { Listener } from './listener.js';
import type { Log } from './log.js';
import type { Configuration } from './reload.js';
import { SegmentFiles } from './segmentFiles.js';
import { removeDeadSegments } from './segmentLeftovers.js';
import { ServerLoop } from './serverLoop.js';
import type { Settings } from './settings.js';

export interface PostmasterOptions {
  readonly settings: Settings;
  readonly log: Log;
  /** A descriptor that ends with the application that embeds this postmaster; the guardian watches it. */
  readonly applicationLifeLine?: number;
  /** Where the workers' output goes. Default: our own standard output and error. */
  readonly sinks?: { readonly stdout: Writable; readonly stderr: Writable };
  /** Where the settings came from, if they can be read again. */
  readonly configuration?: Configuration;
  /** For those who ask where its lines are; whoever writes them there is the one who holds it. */
  readonly logFile?: string;
  /** The shutdown has begun: as ServerLoopOptions.stopping. */
  readonly onStopping?: (withinMs: number) => void;
}

export class Postmaster {
  readonly epoch: string;
  readonly directory: string;
  /** Resolves when everything is over and the directory is free. */
  readonly ended: Promise<void>;
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #claim: DirectoryClaim;
  readonly #guardian: Guardian;
  readonly #listener: Listener;
  readonly #loop: ServerLoop;
  readonly #segments: SegmentFiles;
  #failure: BgworkerError | null = null;
  #resolveEnded: () => void = () => {};

  static start(options: PostmasterOptions): Promise<Postmaster> {
    return Postmaster.#start(options).catch((error: unknown) => {
      throw isSystemError(error) ? cannotStart(error) : error;
    });
  }

  static async #start(options: PostmasterOptions): Promise<Postmaster> {
    const { settings } = options;
    const epoch = newEpoch();
    const base = perUserDirectory(process.env);
    const directory = settings.directory ?? makePrivateDirectory(base);
    prepareDirectory(directory);
    const claim = await claimDirectory(directory, { pid: process.pid, epoch });
    try {
      await removeDeadSegments();
      await clearClaimedDirectory(claim, { graceMs: settings.limits.postmasterDeathGraceMs });
      const postmaster = new Postmaster(epoch, claim, options);
      await postmaster.#open();
      // What other embedded postmasters of ours left behind; nobody waits for it. One that died just now has a guardian,
      // whose workers may still finish.
      const { postmasterDeathGraceMs: graceMs } = settings.limits;
      if (settings.directory === null) void sweepPrivateDirectories(base, { graceMs });
      return postmaster;
    } catch (error) {
      claim[Symbol.dispose]();
      if (settings.directory === null) rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(epoch: string, claim: DirectoryClaim, options: PostmasterOptions) {
    const { settings, log, applicationLifeLine } = options;
    this.epoch = epoch;
    this.directory = claim.directory;
    this.#claim = claim;
    this.#settings = settings;
    this.#log = log;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#guardian = Guardian.start({
      epoch,
      graceMs: settings.limits.postmasterDeathGraceMs,
      ...(applicationLifeLine === undefined ? {} : { applicationLifeLine }),
      ...(settings.directory === null ? { removeDirectory: claim.directory } : {}),
      now: monotonicClock.now,
      onDeath: (death) =>
        log.say('warn', 'the guardian died and was replaced', { guardianPid: death.pid, how: death.how }),
      onFailure: (error) => {
        // Without a guardian our death would leave orphans: better no workers than such.
        log.say('fatal', error.message, { code: error.code, detail: error.detail, hint: error.hint });
        this.#failure = error;
        this.shutdown('fast');
      },
    });
    this.#segments = new SegmentFiles({ epoch, directory: claim.directory, log });
    const launcher = new Launcher({
      epoch,
      directory: claim.directory,
      settings,
      guardian: this.#guardian,
      log,
      sinks: options.sinks ?? process,
      chance: Math.random,
      dispatch: (fact) => this.#loop.dispatch(fact),
      channel: (key, message, bytes) => this.#loop.channels.fromWorker(key, message, bytes),
      entered: (key) => this.#loop.channels.workerEntered(key),
      exited: (key) => this.#loop.channels.workerEnded(key),
    });
    this.#listener = new Listener({
      socketPath: join(this.directory, SOCKET_NAME),
      epoch,
      directory: this.directory,
      introduction: introduce(),
    });
    this.#loop = new ServerLoop({
      epoch,
      directory: this.directory,
      configuration: options.configuration ?? null,
      logFile: options.logFile ?? null,
      stopping: options.onStopping ?? (() => {}),
      settings,
      log,
      clock: monotonicClock,
      door: this.#listener,
      processes: launcher,
      segments: this.#segments,
      exit: () => void this.#exit(),
    });
  }

  async #open(): Promise<void> {
    await this.#listener.open(this.#loop.events);
    this.#loop.begin();
    this.#log.say('info', 'postmaster started', { epoch: this.epoch, directory: this.directory });
  }

  /** A mode can only be raised. `graceMs` bounds the time of every worker. */
  shutdown(mode: 'smart' | 'fast' | 'immediate', graceMs: number | null = null): void {
    this.#loop.shutdown(mode, graceMs);
  }

  /** Why it went down by itself; null where somebody told it to. */
  get failure(): BgworkerError | null {
    return this.#failure;
  }

  /** As ServerLoop.reload. */
  reload(): Promise<ReloadReport> {
    return this.#loop.reload();
  }

  async #exit(): Promise<void> {
    // What workers started and what left their process groups ends with us, as it would by the guardian's hand.
    await endStrays(this.epoch);
    this.#segments.removeAll();
    this.#guardian.end();
    // Before the directory is free: closing removes whatever socket has that name.
    this.#listener.stopListening();
    this.#claim[Symbol.dispose]();
    if (this.#settings.directory === null) rmSync(this.directory, { recursive: true, force: true });
    // Whoever is told can start the next one here: nothing of this one is left.
    await this.#listener.close('shutdown', { code: 'ERR_SHUTTING_DOWN', message: 'the postmaster has shut down' });
    this.#log.say('info', 'postmaster stopped', { epoch: this.epoch });
    this.#resolveEnded();
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

function cannotStart(error: NodeJS.ErrnoException): BgworkerError {
  return new BgworkerError('ERR_CANNOT_START_POSTMASTER', 'the postmaster could not be started', {
    detail: error.message,
    hint: 'is there room on the disk of its directory, and may we write there?',
    cause: error,
  });
}

/** Names one life of a postmaster: no two have the same, and a later one sorts behind an earlier one. */
export function newEpoch(): string {
  const chance = BigInt(`0x${randomBytes(4).toString('hex')}`)
    .toString(36)
    .padStart(7, '0');
  return `${Date.now().toString(36)}${chance}`;
}
