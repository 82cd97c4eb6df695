/**
 * Tells the service manager how the postmaster is: systemd's notification protocol (sd_notify), which others speak too.
 *
 * - **Sending never waits, never throws, never ends the postmaster.** What cannot be sent now waits in order, and of
 *   each kind only the newest, so the queue is as long as there are kinds. What cannot be sent at all is said in the
 *   log, each trouble once.
 * - **Nobody inherits the line.** `open()` takes the variables out of the environment, so no worker speaks for us.
 * - **A keep-alive means that the event loop turns.** It is sent by that loop and by nothing else, so the manager notices
 *   a postmaster that hangs.
 *
 * Datagrams go through koffi (datagramSocket.ts), without it through `systemd-notify` (notifyCommand.ts).
 */
import type { LongTimer } from '../base/index.js';
import { startLongTimer } from '../base/index.js';
import { DatagramSocket } from './datagramSocket.js';
import type { Log } from './log.js';
import { findNotifyCommand, sendByCommand } from './notifyCommand.js';

/** Undefined: it is sent. A promise: it is not yet, and nothing else is to be sent before it. */
type Send = (text: string) => Promise<void> | undefined;

interface Line {
  readonly send: Send;
  close(): void;
}

type Kind = 'READY' | 'STATUS' | 'RELOADING' | 'STOPPING' | 'WATCHDOG';

/** Nobody tells when a full receiver has read; the manager reads within milliseconds, or is busy for seconds. */
const RETRY_MS = 100;

export class ServiceNotifier {
  readonly #line: Line;
  readonly #mainPid: string | null;
  readonly #waiting = new Map<Kind, string>();
  #isSending = false;
  #isClosed = false;
  #isStopping = false;
  #watchdog: LongTimer | undefined;

  /**
   * Null where nobody wants to be told: no `NOTIFY_SOCKET`, or no way to send there, which the log then says.
   * Takes `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` out of `env`.
   */
  static async open(env: NodeJS.ProcessEnv, log: Log): Promise<ServiceNotifier | null> {
    const path = take(env, 'NOTIFY_SOCKET');
    const watchdog = { intervalUs: take(env, 'WATCHDOG_USEC'), pid: take(env, 'WATCHDOG_PID') };
    if (path === undefined) return null;
    const line = await openLine(path, env, log);
    if (line === null) return null;
    const notifier = new ServiceNotifier(line, mainPidToTell(env));
    const keepAliveMs = keepAliveInterval(watchdog, log);
    if (keepAliveMs !== null) notifier.#keepAlive(keepAliveMs);
    return notifier;
  }

  private constructor(line: Line, mainPid: string | null) {
    this.#line = line;
    this.#mainPid = mainPid;
  }

  /** It listens, or it has reloaded. */
  ready(status: string): void {
    // A reload that comes to its end in a shutdown takes nothing back.
    if (this.#isStopping) return;
    const mainPid = this.#mainPid === null ? [] : [`MAINPID=${this.#mainPid}`];
    this.#tell('READY', ['READY=1', statusLine(status), ...mainPid]);
  }

  /** One line for `systemctl status`. */
  status(text: string): void {
    this.#tell('STATUS', [statusLine(text)]);
  }

  /** It reads its configuration again; `ready()` has to follow, also when nothing came of it. */
  reloading(): void {
    // Type=notify-reload compares this with the instant at which it sent the signal: CLOCK_MONOTONIC, as hrtime is.
    const nowUs = process.hrtime.bigint() / 1_000n;
    this.#tell('RELOADING', ['RELOADING=1', `MONOTONIC_USEC=${nowUs}`]);
  }

  /**
   * It goes down. The manager's time to stop (`TimeoutStopSec`) begins with this, so a smart shutdown says it when the
   * last worker has ended, and a `status()` before. `withinMs`: by when everything is over for certain, which is known
   * where each worker has an instant at which it is killed; the manager then waits at least that long.
   */
  stopping(status: string, { withinMs }: { readonly withinMs?: number } = {}): void {
    this.#isStopping = true;
    const extension = withinMs === undefined ? [] : [`EXTEND_TIMEOUT_USEC=${Math.ceil(withinMs * 1_000)}`];
    this.#tell('STOPPING', ['STOPPING=1', statusLine(status), ...extension]);
  }

  /** Nothing is sent any more. Safe to call twice. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#watchdog?.stop();
    this.#line.close();
  }

  #keepAlive(intervalMs: number): void {
    this.#watchdog = startLongTimer(
      intervalMs,
      () => {
        this.#tell('WATCHDOG', ['WATCHDOG=1']);
        this.#keepAlive(intervalMs);
      },
      { keepsAlive: false },
    );
  }

  #tell(kind: Kind, lines: readonly string[]): void {
    if (this.#isClosed) return;
    // Behind what waits, not in the place of the older one: a READY belongs behind its RELOADING.
    this.#waiting.delete(kind);
    this.#waiting.set(kind, lines.join('\n'));
    if (!this.#isSending) this.#sendWaiting();
  }

  #sendWaiting(): void {
    for (const [kind, text] of this.#waiting) {
      this.#waiting.delete(kind);
      const sent = this.#line.send(text);
      if (sent === undefined) continue;
      this.#isSending = true;
      void sent.then(() => {
        this.#isSending = false;
        this.#sendWaiting();
      });
      return;
    }
  }
}

function take(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  delete env[name];
  return value === '' ? undefined : value;
}

async function openLine(path: string, env: NodeJS.ProcessEnv, log: Log): Promise<Line | null> {
  const complain = complainOnce(path, log);
  try {
    return directLine(await DatagramSocket.open(path), complain);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const command = findNotifyCommand(env);
    if (command !== undefined) {
      log.say('info', 'the service manager is told by systemd-notify, so its unit needs NotifyAccess=all', { reason });
      return commandLine(command, path, complain);
    }
    log.say('warn', 'the service manager asked to be told, and there is no way to tell it', {
      notifySocket: path,
      reason,
      hint: 'install the optional package koffi, or systemd-notify; or use Type=exec, without WatchdogSec',
    });
    return null;
  }
}

function directLine(socket: DatagramSocket, complain: (trouble: string) => void): Line {
  let isClosed = false;
  const trySend: Send = (text) => {
    if (isClosed) return undefined;
    const outcome = socket.trySend(text);
    if (outcome.state === 'full') return pause().then(() => trySend(text));
    if (outcome.state === 'failed') complain(outcome.error);
    return undefined;
  };
  const close = (): void => {
    isClosed = true;
    socket.close();
  };
  return { send: trySend, close };
}

function pause(): Promise<void> {
  return new Promise((done) => {
    startLongTimer(RETRY_MS, done, { keepsAlive: false });
  });
}

function commandLine(command: string, path: string, complain: (trouble: string) => void): Line {
  return {
    send: (text) =>
      sendByCommand(command, path, text).then((trouble) => {
        if (trouble !== null) complain(trouble);
      }),
    // The last message is on its way, and its process ends by itself.
    close: () => {},
  };
}

function complainOnce(path: string, log: Log): (trouble: string) => void {
  const said = new Set<string>();
  return (trouble) => {
    if (said.has(trouble)) return;
    said.add(trouble);
    log.say('warn', 'the service manager was not told', { notifySocket: path, reason: trouble });
  };
}

/** A status is one line of the message, whatever it was made of. */
function statusLine(text: string): string {
  return `STATUS=${text.replace(/\s+/g, ' ').trim()}`;
}

/** The manager started somebody else (npx, a shell), and we are the one to be signalled and watched. */
function mainPidToTell(env: NodeJS.ProcessEnv): string | null {
  const started = env['SYSTEMD_EXEC_PID'];
  const own = String(process.pid);
  return started === undefined || started === own ? null : own;
}

function keepAliveInterval(
  { intervalUs, pid }: { readonly intervalUs: string | undefined; readonly pid: string | undefined },
  log: Log,
): number | null {
  if (intervalUs === undefined) return null;
  const us = Number(intervalUs);
  if (!Number.isSafeInteger(us) || us <= 0) {
    log.say('warn', 'WATCHDOG_USEC is no number of microseconds, so no keep-alives are sent', { value: intervalUs });
    return null;
  }
  if (pid !== undefined && pid !== String(process.pid)) {
    log.say('warn', 'the watchdog waits for keep-alives of another process, so none are sent', {
      expectedPid: pid,
      pid: process.pid,
      hint: 'let ExecStart= name the program itself: neither npx nor a shell in between',
    });
    return null;
  }
  return us / 2_000;
}
