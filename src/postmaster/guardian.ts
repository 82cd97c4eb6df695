/**
 * Holds the guardian: the one shell that ends this postmaster's workers if the postmaster dies without a word.
 *
 * What it does when the life line ends stands in guardian.sh. This file is the postmaster's side of that line:
 *
 * - **A group is known before its worker gets a job.** `add()` returns when the line stands in the kernel. The stream's
 *   own `write()` does that: with nothing queued before it, libuv tries the write at once, inside the call. The line
 *   outlives the postmaster from there on. (A test kills a postmaster right behind its last `add()`.)
 * - **A stopped guardian never blocks the postmaster.** The descriptor is non-blocking; what the kernel does not take
 *   is queued by libuv in order. A guardian that is further behind than `queueLimitBytes` is no guardian: it is killed
 *   and so replaced.
 * - **A dead guardian is replaced at once** and told the whole list again. Five deaths within ten seconds are a fault
 *   of the machine: said once, through `onFailure`, and not tried again. There is no timer in here.
 * - **It never keeps the event loop alive**, neither the process nor the line.
 *
 * The script's text is read once and handed over with `-c`: a daemon outlives the `npm update` that replaces the file,
 * and a file inside an archive (Electron, Plug'n'Play) can be read but not run.
 *
 * Not here: what a postmaster finds that was killed together with its guardian (leftovers.ts).
 */

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { resolve } from 'node:path';
import { assert, BgworkerError } from '../base/index.js';
import { cookieOf } from './leftovers.js';

export interface GuardianOptions {
  /** Names this life of the postmaster; every worker is born with it in its environment (`cookieOf`). */
  readonly epoch: string;
  /** How long workers may run on after the postmaster, in milliseconds. */
  readonly graceMs: number;
  /**
   * Embedded: a descriptor whose other end only the application holds. In blocking mode, and read by nobody else: the
   * mode belongs to what both descriptors name, so a `net.Socket` over it would make it non-blocking for the guardian.
   */
  readonly applicationLifeLine?: number;
  /** Embedded: the private directory, removed when the postmaster is dead. Never removed after `end()`. */
  readonly removeDirectory?: string;
  /** A monotonic clock in milliseconds. */
  now(): number;
  /** A guardian died and is being replaced. */
  onDeath(death: GuardianDeath): void;
  /** Guardians cannot be kept alive; there is none from now on. Said at most once, never from inside `start()`. */
  onFailure(error: BgworkerError): void;
  /** A POSIX shell; `/bin/sh` by default. */
  readonly shell?: string;
}

export interface GuardianDeath {
  readonly pid: number | undefined;
  /** Such as `signal SIGKILL`, `exit code 127`, `spawn /bin/sh ENOENT`. */
  readonly how: string;
}

type State =
  | { readonly state: 'watching'; readonly child: ChildProcess }
  | { readonly state: 'absent' }
  | { readonly state: 'failed' }
  | { readonly state: 'ended' };

const deathLimit = 5;
const deathPeriodMs = 10_000;
/** Some thousand lines; more than a postmaster ever has to say at once to a guardian that reads. */
const queueLimitBytes = 64 * 1024;

export class Guardian {
  readonly #options: GuardianOptions;
  readonly #script: string;
  readonly #groups = new Set<number>();
  #deathsAt: number[] = [];
  #state: State = { state: 'absent' };

  static start(options: GuardianOptions): Guardian {
    if (options.applicationLifeLine !== undefined) checkBlocking(options.applicationLifeLine);
    const guardian = new Guardian(options);
    guardian.#spawn();
    return guardian;
  }

  private constructor(options: GuardianOptions) {
    cookieOf(options.epoch);
    assert(Number.isSafeInteger(options.graceMs) && options.graceMs >= 0, 'graceMs is a whole number of milliseconds');
    this.#options = options;
    this.#script = readFileSync(new URL('guardian.sh', import.meta.url), 'utf8').replace(/^\s*(#.*)?\n/gm, '');
  }

  /** Undefined while there is no guardian. */
  get pid(): number | undefined {
    return this.#state.state === 'watching' ? this.#state.child.pid : undefined;
  }

  /** From here on this process group is killed if the postmaster dies. Call it before the worker gets its job. */
  add(group: number): void {
    // 0 and 1 would mean the guardian's own group and every process there is.
    assert(Number.isSafeInteger(group) && group > 1, 'a process group is a number above 1');
    this.#groups.add(group);
    this.#write(`add ${group}\n`);
  }

  /** Call it when the group's leader has been reaped, before its number can have a new owner. */
  delete(group: number): void {
    if (this.#groups.delete(group)) this.#write(`del ${group}\n`);
  }

  /** The postmaster leaves in order: the guardian leaves too, and kills nobody. Safe to call twice. */
  end(): void {
    this.#write('end\n');
    if (this.#state.state === 'watching') this.#state.child.stdin?.end();
    this.#state = { state: 'ended' };
  }

  #spawn(): void {
    try {
      const child = this.#spawnShell();
      this.#state = { state: 'watching', child };
      // Either of the two tells of one death, and after 'exit' there may still be an 'error' (a signal not delivered).
      let isDead = false;
      const die = (how: string, cause?: Error): void => {
        if (isDead) return;
        isDead = true;
        this.#died({ pid: child.pid, how }, cause);
      };
      child.once('exit', (code, signal) => die(signal === null ? `exit code ${code}` : `signal ${signal}`));
      child.on('error', (error) => die(error.message, error));
      // EPIPE and the like: the guardian is dead, and 'exit' is about to say so.
      child.stdin?.on('error', () => {});
      child.unref();
      if (child.stdin instanceof Socket) child.stdin.unref();
      for (const group of this.#groups) this.#write(`add ${group}\n`);
    } catch (error) {
      // What the kernel refuses in another way than the common ones (E2BIG, ENOMEM) is thrown, not emitted.
      this.#state = { state: 'absent' };
      const cause = error instanceof Error ? error : new Error(String(error));
      process.nextTick(() => this.#died({ pid: undefined, how: cause.message }, cause));
    }
  }

  #spawnShell(): ChildProcess {
    const { epoch, graceMs, applicationLifeLine, removeDirectory, shell = '/bin/sh' } = this.#options;
    const args = ['-c', this.#script, 'bgworker-guardian', epoch, String(graceMs)];
    if (applicationLifeLine !== undefined) {
      checkBlocking(applicationLifeLine);
      args.push('--postmaster', String(process.pid));
    }
    if (removeDirectory !== undefined) args.push('--remove', resolve(removeDirectory));
    return spawn(shell, args, {
      // Nothing that can be unmounted, and nothing of the environment: it must not carry the cookie it hunts for.
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore', applicationLifeLine ?? 'ignore'],
    });
  }

  #write(line: string): void {
    if (this.#state.state !== 'watching') return;
    const { child } = this.#state;
    if (!child.stdin?.writable) return;
    child.stdin.write(line);
    if (child.stdin.writableLength > queueLimitBytes) child.kill('SIGKILL');
  }

  #died(death: GuardianDeath, cause?: Error): void {
    if (this.#state.state === 'ended') return;
    this.#state = { state: 'absent' };
    if (death.pid !== undefined) killGroup(death.pid);
    const now = this.#options.now();
    this.#deathsAt = [...this.#deathsAt.filter((at) => now - at < deathPeriodMs), now];
    if (this.#deathsAt.length < deathLimit) {
      this.#spawn();
      this.#options.onDeath(death);
      return;
    }
    this.#state = { state: 'failed' };
    this.#options.onFailure(
      new BgworkerError('ERR_GUARDIAN_FAILED', 'the guardian cannot be kept alive', {
        detail: `${this.#deathsAt.length} guardians died within ${deathPeriodMs} ms, the last one with: ${death.how}`,
        hint: `check that ${this.#options.shell ?? '/bin/sh'} can be started here and that nothing kills it`,
        cause,
      }),
    );
  }
}

/** The dead guardian's watcher of the application's line is of its group; the replacement brings its own. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left, which is the usual case.
  }
}

/** In non-blocking mode the guardian's `read` fails at once, which it cannot tell from the application's death. */
function checkBlocking(descriptor: number): void {
  if (process.platform !== 'linux') return;
  const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1] ?? '0';
  const nonBlocking = 0o4000;
  if ((Number.parseInt(flags, 8) & nonBlocking) === 0) return;
  throw new BgworkerError('ERR_LIFE_LINE_NON_BLOCKING', "the application's life line is in non-blocking mode", {
    detail: `descriptor ${descriptor}, flags ${flags}`,
    hint: 'give the life line a descriptor of its own that no socket or stream is made of',
  });
}
