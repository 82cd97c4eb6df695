/**
 * What stands in `postmaster.pid` and in the rights to succeed: who has the directory, and what is owed there.
 *
 * A record is written to a name of its own first and gets its place by link or rename, so it is complete when it
 * appears and never changes there. Whoever reads it believes none of it unchecked: it names a socket and files.
 *
 * Not here: when a record may take which place (directory.ts).
 */

import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const pidFileName = 'postmaster.pid';

export interface NewClaimRecord {
  readonly pid: number;
  readonly epoch: string;
  readonly startedAt: string;
  /** The name of the socket that accepts while the owner lives. */
  readonly lifeSocket: string;
  /** Epochs of former owners whose processes may still be alive. */
  readonly owedEpochs: readonly string[];
  /** False if the owner left before it started any: then its own epoch is no debt. */
  readonly workersStarted: boolean;
}

export interface ClaimRecord extends NewClaimRecord {
  /** The text of the file, to see whether it is still the same one. */
  readonly raw: string;
}

/** More dead predecessors than that are a loop of crashes, of which the newest matter. */
const debtLimit = 64;

/** Writes it beside its future place and gives the path. */
export function writeTemporary(directory: string, record: NewClaimRecord): string {
  const path = join(directory, `${pidFileName}.${randomBytes(6).toString('hex')}`);
  // Field by field: a record that was read brings its text along.
  const { pid, epoch, startedAt, lifeSocket, owedEpochs, workersStarted } = record;
  const text = JSON.stringify({ pid, epoch, startedAt, lifeSocket, owedEpochs, workersStarted });
  writeFileSync(path, `${text}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

/**
 * Undefined if there is no file. A file that is no record is one of before a power failure, since a record is complete
 * when it appears: whoever wrote it is dead, and nothing is known of it.
 */
export function readRecord(path: string): ClaimRecord | undefined {
  const raw = readIfThere(path);
  if (raw === undefined) return undefined;
  return { ...(parseRecord(raw) ?? unreadableRecord(path)), raw };
}

/** What a successor owes: the processes of this owner, and those it owed itself. */
export function debtsOf(record: ClaimRecord): readonly string[] {
  const own = record.workersStarted ? [record.epoch] : [];
  return [...own, ...record.owedEpochs].slice(0, debtLimit);
}

/** It stands in names of files. */
export function isEpoch(candidate: unknown): candidate is string {
  return typeof candidate === 'string' && /^[\w-]{1,64}$/.test(candidate);
}

function parseRecord(raw: string): NewClaimRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { pid, epoch, startedAt, lifeSocket, owedEpochs, workersStarted } = value as Record<string, unknown>;
  if (typeof pid !== 'number' || !isEpoch(epoch) || typeof startedAt !== 'string') return undefined;
  if (typeof lifeSocket !== 'string' || !/^claim-[0-9a-f]+$/.test(lifeSocket)) return undefined;
  if (!Array.isArray(owedEpochs) || !owedEpochs.every(isEpoch) || typeof workersStarted !== 'boolean') return undefined;
  return { pid, epoch, startedAt, lifeSocket, owedEpochs, workersStarted };
}

/** Named after its inode, so that two such files are not taken for one owner. */
function unreadableRecord(path: string): NewClaimRecord {
  const inode = statSync(path, { throwIfNoEntry: false })?.ino ?? 0;
  return {
    pid: 0,
    epoch: `unreadable-${inode}`,
    startedAt: '',
    lifeSocket: '',
    owedEpochs: [],
    workersStarted: false,
  };
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
