/**
 * Notifies the service manager through systemd's own command, where koffi is not there to do it directly.
 *
 * One process for each message, and never two at a time, so that messages arrive in their order. `systemd-notify` waits
 * until the manager has read the message: the manager asks who the sender is, and a process that is gone is nobody.
 * A unit takes words only from its main process unless it says `NotifyAccess=all`.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

const COMMAND = 'systemd-notify';

/** The command's path; undefined if it is not in PATH. */
export function findNotifyCommand(env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(':').filter((folder) => folder.startsWith('/'));
  return folders.map((folder) => join(folder, COMMAND)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Gives what went wrong, and null when the manager has read the message. Keeps no process alive. */
export function sendByCommand(command: string, notifySocket: string, text: string): Promise<string | null> {
  return new Promise((done) => {
    try {
      const child = spawn(command, text.split('\n'), {
        env: { NOTIFY_SOCKET: notifySocket },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      // First of all: without a process there may not even be a stream (EMFILE).
      child.once('error', (error) => done(error.message));
      if (child.pid === undefined) return;
      child.unref();
      if (child.stderr instanceof Socket) child.stderr.unref();
      let complaint = '';
      child.stderr.setEncoding('utf8').on('data', (piece: string) => {
        complaint = `${complaint}${piece}`.slice(0, 1_000);
      });
      child.once('close', (code, signal) =>
        done(code === 0 ? null : `${command} ended with ${signal ?? code}: ${complaint.trim()}`),
      );
    } catch (error) {
      // What the kernel refuses in another way than the common ones is thrown, not emitted.
      done(String(error));
    }
  });
}
