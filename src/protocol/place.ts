/**
 * Where a postmaster is that nobody gave a place: what both sides must agree on to find each other without a word.
 * Only names are here; whether somebody lives there is found out by connecting.
 */
import type { Stats } from 'node:fs';
import { statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** In a postmaster's directory: alive is who accepts on it. */
export const SOCKET_NAME = 'postmaster.sock';

/** The longest name of a socket, in bytes: sun_path has 108 on Linux and 104 elsewhere, one of them for its end. */
export const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** Whether a postmaster can have its socket in this directory. */
export function fitsSocket(directory: string): boolean {
  return Buffer.byteLength(join(directory, SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES;
}

/** `$XDG_RUNTIME_DIR/bgworker`, or `/tmp/bgworker-UID` where that is not set or not ours. */
export function perUserDirectory(env: { readonly [name: string]: string | undefined }): string {
  const user = process.getuid?.();
  const runtimeDirectory = env['XDG_RUNTIME_DIR'];
  if (runtimeDirectory !== undefined && isAbsolute(runtimeDirectory)) {
    const stats = look(runtimeDirectory);
    if (stats?.isDirectory() === true && stats.uid === user) return join(runtimeDirectory, 'bgworker');
  }
  return join(tmpdir(), `bgworker-${user ?? 'user'}`);
}

/** Undefined also where we may not look, as after `sudo -u` with the variables of somebody else. */
function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
