/**
 * One life of a fake postmaster: the server loop and the listener of a real one, with wires in the place of sockets,
 * attempts in the place of processes, and the test's clock. It ends by a shutdown, or by a crash, after which nothing
 * of it does anything any more.
 */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BgworkerError } from '../base/index.js';
import type { ShutdownMode } from '../core/index.js';
import type { Clock, Fact, Log, SegmentStore, Settings } from '../postmaster/index.js';
import { Listener, newEpoch, ServerLoop } from '../postmaster/index.js';
import { introduce } from '../protocol/index.js';
import type { Casting } from './fakeProcesses.js';
import { FakeProcesses } from './fakeProcesses.js';
import type { Quiet } from './quiet.js';
import { WireEnd } from './wire.js';

export interface LifeOptions {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly quiet: Quiet;
  readonly log: Log;
  readonly casting: Casting;
  /** In [0, 1). */
  chance(): number;
}

/** Memory is real or it is not there: nothing is made that a test would have to take for it. */
const NO_SEGMENTS: SegmentStore = {
  doorbells: '',
  claim: async () => {
    throw new BgworkerError('ERR_NO_SHARED_MEMORY', 'a fake postmaster has no shared memory', {
      hint: 'use startPostmaster() in tests of what shares memory',
    });
  },
  fileOf: () => '',
  removeSegment: () => {},
  removeDoorbell: () => {},
};

export class Life {
  /** A place for arguments that are too long for a frame; it is made when there is one. */
  readonly directory: string;
  /** Resolves when it was shut down, or has crashed. */
  readonly ended: Promise<void>;
  readonly #options: LifeOptions;
  readonly #listener: Listener;
  readonly #loop: ServerLoop;
  readonly #processes: FakeProcesses;
  readonly #wires = new Set<WireEnd>();
  #state: 'alive' | 'closing' | 'over' = 'alive';
  #resolveEnded: () => void = () => {};

  constructor(options: LifeOptions) {
    const { settings, clock, quiet, log, casting, chance } = options;
    const epoch = newEpoch();
    this.#options = options;
    this.directory = join(tmpdir(), `bgworker-fake-${epoch}`);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    this.#listener = new Listener({ socketPath: '', epoch, directory: this.directory, introduction: introduce() });
    const scene = {
      epoch,
      directory: this.directory,
      dispatch: (fact: Fact) => this.#dispatch(fact),
      channel: (...said: Parameters<ServerLoop['channels']['fromWorker']>) => this.#loop.channels.fromWorker(...said),
      entered: (key: Parameters<ServerLoop['channels']['workerEntered']>[0]) => this.#loop.channels.workerEntered(key),
      exited: (key: Parameters<ServerLoop['channels']['workerEnded']>[0]) => this.#loop.channels.workerEnded(key),
      log: (...line: Parameters<Log['pass']>) => log.pass(...line),
      chance,
    };
    this.#processes = new FakeProcesses(scene, casting);
    this.#loop = new ServerLoop({
      epoch,
      directory: this.directory,
      configuration: null,
      logFile: null,
      stopping: () => {},
      settings,
      log,
      clock: {
        now: () => clock.now(),
        alarm: (ring) =>
          clock.alarm(() => {
            quiet.moved();
            if (this.#state !== 'over') ring();
          }),
      },
      door: this.#listener,
      processes: this.#processes,
      segments: NO_SEGMENTS,
      exit: () => void this.#exit(),
    });
    this.#loop.begin();
    log.say('info', 'postmaster started', { epoch, directory: this.directory });
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** A client's end of a wire to it. */
  dial(): WireEnd {
    if (this.#state !== 'alive') return WireEnd.refused(this.#options.quiet);
    const [client, server] = WireEnd.pair(this.#options.quiet);
    this.#wires.add(server);
    server.once('close', () => this.#wires.delete(server));
    this.#listener.accept(server, this.#loop.events);
    return client;
  }

  shutdown(mode: ShutdownMode): void {
    if (this.#state === 'alive') this.#loop.shutdown(mode);
  }

  /** As by SIGKILL: nobody is told anything but by the end of what he held. Gives what workers are left behind. */
  crash(): void {
    if (this.#state === 'over') return;
    const orphans = this.#processes.living;
    this.#end();
    for (const wire of this.#wires) wire.vanish();
    for (const orphan of orphans) orphan.postmasterDied();
    // What is still there by then, the guardian kills.
    const { postmasterDeathGraceMs: graceMs } = this.#options.settings.limits;
    const guardian = this.#options.clock.alarm(() => {
      for (const orphan of orphans) orphan.vanish();
    });
    guardian.set(this.#options.clock.now() + graceMs);
  }

  #dispatch(fact: Fact): void {
    if (this.#state === 'over') return;
    this.#options.quiet.moved();
    this.#loop.dispatch(fact);
  }

  async #exit(): Promise<void> {
    this.#state = 'closing';
    await this.#listener.close('shutdown', { code: 'ERR_SHUTTING_DOWN', message: 'the postmaster has shut down' });
    this.#options.log.say('info', 'postmaster stopped', { directory: this.directory });
    this.#end();
  }

  #end(): void {
    this.#state = 'over';
    rmSync(this.directory, { recursive: true, force: true });
    this.#resolveEnded();
  }
}
