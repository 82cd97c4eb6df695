/**
 * The directory a postmaster lives in: whether it is safe, whether somebody lives there, and whose it is.
 *
 * **Safe** means ours alone (0700): whoever can reach the socket can start programs as us, and whoever can write there
 * can put his own socket in its place.
 *
 * **Alive** means that something accepts on a socket. The kernel ends a socket together with its process and knows
 * nothing of that in any other case, so this holds across containers, where a pid means somebody else, and after a
 * restart of the machine. A postmaster that has claimed the directory but does not serve yet must be seen too, so a
 * claim has a socket of its own, `claim-…`, which listens before the claim can be seen and as long as its owner lives.
 * Once dead, a claim is dead for good.
 *
 * **Whose it is** stands in `postmaster.pid`. Only its owner may touch `postmaster.sock`.
 *
 * - Nobody's: whoever makes `postmaster.pid` by link(2) has it. The link fails if the file exists, and the file is
 *   complete when it appears.
 * - A dead owner's, with epoch E: the difficulty is that two may find the same dead owner, and the slower one must not
 *   take it from the faster one. Removing or renaming the file cannot tell them apart: between the look and the act
 *   it may have become the file of a living owner. So nobody removes a file that is not his own. There is one right to
 *   succeed E, the file `postmaster.after-E`, made by link(2) as well, and only its owner may put his file in the place
 *   of E's, by rename(2):
 *     1. link `postmaster.after-E`. It exists: whoever has it is looked at in place of E. Alive: the directory is his.
 *        Dead, with epoch F (he died at this very point): the right is now `postmaster.after-F`, and so on.
 *     2. Read `postmaster.pid` again. It is not what it was: the succession is over already and the right had been
 *        tidied away; so give up the right and begin anew.
 *     3. Rename. No step of anybody else can lie between 2 and 3: E is dead, and all others need a right that is ours.
 *     4. Only now remove the rights that were passed. Whoever makes one of them anew is stopped by step 2, because the
 *        file never again says what it said: each has a random epoch.
 *
 * **Debts**: epochs whose processes may still be alive are carried over from claim to claim, by crashes too, until they
 * are settled (leftovers.ts ends those processes).
 *
 * Not here: what a claim says (claimRecord.ts).
 *
 * Model: PostgreSQL 15, miscinit.c, CreateLockFile; it decides by pid and shared memory, and asks a person where that
 * cannot tell.
 */

import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { linkSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { assert, BgworkerError } from '../base/index.js';
import { fitsSocket, MAX_SOCKET_PATH_BYTES, SOCKET_NAME } from '../protocol/index.js';
import type { ClaimRecord, NewClaimRecord } from './claimRecord.js';
import { debtsOf, isEpoch, pidFileName, readRecord, writeTemporary } from './claimRecord.js';

/** Makes the directory if it is missing, and refuses one that is not ours alone or too deep for a socket. */
export function prepareDirectory(path: string): void {
  const directory = resolve(path);
  if (isPrepared(directory)) return;
  makeDirectory(directory);
  // Somebody else may have been quicker.
  checkSafe(directory, lstatSync(directory));
}

/** False if the directory is missing; throws what `prepareDirectory` throws, and makes nothing. */
export function isPrepared(path: string): boolean {
  const directory = resolve(path);
  checkSocketPath(directory);
  const found = lookAt(directory);
  if (found === undefined) return false;
  checkSafe(directory, found);
  return true;
}

/** A new directory for an embedded postmaster, `base/embedded/…`; `base` is made if it is missing. */
export function makePrivateDirectory(base: string): string {
  const parent = resolve(base, 'embedded');
  prepareDirectory(base);
  prepareDirectory(parent);
  const directory = join(parent, randomBytes(6).toString('hex'));
  checkSocketPath(directory);
  makeDirectory(directory);
  return directory;
}

function lookAt(directory: string): Stats | undefined {
  try {
    return lstatSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    // Something above it is no directory, or may not be entered.
    throw cannotMake(error);
  }
}

function cannotMake(error: unknown): BgworkerError {
  return new BgworkerError('ERR_CANNOT_MAKE_DIRECTORY', 'a directory for the postmaster cannot be made', {
    detail: (error as Error).message,
    hint: 'name one that can be made: --directory, BGWORKER_DIR or { directory }; the private ones are below XDG_RUNTIME_DIR or TMPDIR',
    cause: error,
  });
}

/**
 * With its parents where they are missing, and only there: asked to make a directory with its parents in a place that
 * takes none, such as /proc, Node tries for ever.
 */
function makeDirectory(directory: string): void {
  const recursive = lstatSync(dirname(directory), { throwIfNoEntry: false }) === undefined;
  try {
    mkdirSync(directory, { recursive, mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw cannotMake(error);
  }
}

/** The private directories under this base, whoever's they are. */
export function privateDirectories(base: string): string[] {
  const parent = resolve(base, 'embedded');
  if (lstatSync(parent, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(parent).map((name) => join(parent, name));
}

/** Does a postmaster serve this directory? `stale`: the socket of a dead one; `absent`: there is no socket. */
export function isLive(directory: string): Promise<'live' | 'stale' | 'absent'> {
  return accepts(join(directory, SOCKET_NAME));
}

/** Does somebody live here, even one that does not serve yet? */
export async function isClaimed(directory: string): Promise<boolean> {
  if ((await isLive(directory)) === 'live') return true;
  const record = readRecord(join(directory, pidFileName));
  return record !== undefined && (await isAlive(directory, record));
}

/** The epochs whose processes may be alive, by what the directory says; undefined if nobody ever claimed it. */
export function owedEpochs(directory: string): readonly string[] | undefined {
  const record = readRecord(join(directory, pidFileName));
  return record === undefined ? undefined : debtsOf(record);
}

export interface DirectoryClaim {
  readonly directory: string;
  /** Epochs of former owners whose processes may still be alive; empty once settled. */
  readonly owedEpochs: readonly string[];
  /** Says that those processes are gone. */
  settle(): void;
  /** As `releaseDirectory`. */
  [Symbol.dispose](): void;
}

/**
 * Makes the prepared directory ours until `releaseDirectory` or our death, and removes a dead postmaster's socket.
 * Throws `ERR_POSTMASTER_RUNNING` if somebody alive has it.
 */
export async function claimDirectory(
  directory: string,
  owner: { readonly pid: number; readonly epoch: string },
): Promise<DirectoryClaim> {
  assert(isEpoch(owner.epoch), 'an epoch is made of letters, digits, - and _');
  // A postmaster whose other files were removed (a cleaner of /tmp) still serves.
  if ((await isLive(directory)) === 'live') throw runningError(directory, readRecord(join(directory, pidFileName)));
  const life = await listenForLife(directory);
  try {
    const record: NewClaimRecord = {
      pid: owner.pid,
      epoch: owner.epoch,
      startedAt: new Date().toISOString(),
      lifeSocket: life.name,
      owedEpochs: [],
      workersStarted: true,
    };
    const debts = await succeed(directory, record);
    rmSync(join(directory, SOCKET_NAME), { force: true });
    removeOldTraces(directory, life.name);
    return new Claim(directory, { ...record, owedEpochs: debts }, life.server);
  } catch (error) {
    life.server.close();
    throw error;
  }
}

/** Gives the directory up: the socket and the claim are removed, unless there are debts to remember. Safe to call twice. */
export function releaseDirectory(claim: DirectoryClaim): void {
  claim[Symbol.dispose]();
}

class Claim implements DirectoryClaim {
  readonly directory: string;
  readonly #life: Server;
  #record: NewClaimRecord;
  #state: 'held' | 'released' = 'held';

  constructor(directory: string, record: NewClaimRecord, life: Server) {
    this.directory = directory;
    this.#record = record;
    this.#life = life;
  }

  get owedEpochs(): readonly string[] {
    return this.#record.owedEpochs;
  }

  settle(): void {
    this.#record = { ...this.#record, owedEpochs: [] };
    this.#rewrite();
  }

  [Symbol.dispose](): void {
    if (this.#state === 'released') return;
    if (this.#record.owedEpochs.length > 0) {
      // We leave before any worker was started, so we add no debt of our own.
      this.#record = { ...this.#record, workersStarted: false };
      this.#rewrite();
    } else if (this.#isStillOurs()) {
      rmSync(join(this.directory, SOCKET_NAME), { force: true });
      rmSync(join(this.directory, pidFileName), { force: true });
    }
    this.#state = 'released';
    this.#life.close();
  }

  #rewrite(): void {
    if (!this.#isStillOurs()) return;
    renameSync(writeTemporary(this.directory, this.#record), join(this.directory, pidFileName));
  }

  /** It is while we live, unless somebody removed the directory, or its files, and another one began anew there. */
  #isStillOurs(): boolean {
    return this.#state === 'held' && readRecord(join(this.directory, pidFileName))?.epoch === this.#record.epoch;
  }
}

/** Each further attempt means that somebody else got ahead in the meantime. */
const attemptLimit = 100;

/** The algorithm of the header. Gives the debts taken over. */
async function succeed(directory: string, own: NewClaimRecord): Promise<readonly string[]> {
  const pidFile = join(directory, pidFileName);
  for (let attempt = 0; attempt < attemptLimit; attempt += 1) {
    const current = readRecord(pidFile);
    const debts = current === undefined ? [] : debtsOf(current);
    const temporary = writeTemporary(directory, { ...own, owedEpochs: debts });
    try {
      if (current === undefined) {
        if (tryLink(temporary, pidFile)) return debts;
        continue;
      }
      const right = await winRight(directory, current, temporary);
      if (right.state === 'taken') {
        if (isUnchanged(pidFile, current)) throw runningError(directory, right.by);
        continue;
      }
      if (right.state === 'won') {
        if (isUnchanged(pidFile, current)) {
          renameSync(temporary, pidFile);
          for (const path of [...right.passed, right.path]) rmSync(path, { force: true });
          return debts;
        }
        rmSync(right.path, { force: true });
      }
    } finally {
      rmSync(temporary, { force: true });
    }
  }
  throw runningError(directory, readRecord(pidFile));
}

type Right =
  /** `passed`: what the dead on the way to it left, nobody's any more once we have succeeded. */
  | { readonly state: 'won'; readonly path: string; readonly passed: readonly string[] }
  | { readonly state: 'taken'; readonly by: ClaimRecord }
  /** One was removed under our eyes, since somebody else has succeeded; or they lead in a circle, made by hand. */
  | { readonly state: 'moved' };

async function winRight(directory: string, current: ClaimRecord, temporary: string): Promise<Right> {
  const passed: string[] = [];
  for (let holder: ClaimRecord | undefined = current; holder !== undefined; ) {
    if (await isAlive(directory, holder)) return { state: 'taken', by: holder };
    if (holder.lifeSocket !== '') passed.push(join(directory, holder.lifeSocket));
    const path = join(directory, `postmaster.after-${holder.epoch}`);
    if (passed.includes(path)) break;
    if (tryLink(temporary, path)) return { state: 'won', path, passed };
    passed.push(path);
    holder = readRecord(path);
  }
  return { state: 'moved' };
}

function isUnchanged(pidFile: string, record: ClaimRecord): boolean {
  return readRecord(pidFile)?.raw === record.raw;
}

function isAlive(directory: string, record: ClaimRecord): Promise<boolean> {
  if (record.lifeSocket === '') return Promise.resolve(false);
  return accepts(join(directory, record.lifeSocket)).then((answer) => answer === 'live');
}

/** Listens on a name of its own. It has to be no longer than `postmaster.sock`, whose length was checked. */
async function listenForLife(directory: string): Promise<{ readonly name: string; readonly server: Server }> {
  const name = `claim-${randomBytes(4).toString('hex')}`;
  // Being accepted is all there is to learn here.
  const server = createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(join(directory, name), done);
  });
  server.removeAllListeners('error');
  return { name, server };
}

/** Whether somebody listens on a socket, nobody does, or there is none. Rejects when that cannot be known. */
export function accepts(path: string): Promise<'live' | 'stale' | 'absent'> {
  return new Promise((answer, fail) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      answer('live');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // EAGAIN: the queue of those who wait to be accepted is full, so somebody listens.
      if (error.code === 'EAGAIN') answer('live');
      else if (error.code === 'ECONNREFUSED') answer('stale');
      else if (error.code === 'ENOENT' || error.code === 'ENOTDIR') answer('absent');
      // It closed, or died, while we stood in that queue: ask who is there now.
      else if (error.code === 'ECONNRESET') accepts(path).then(answer, fail);
      else fail(error);
    });
  });
}

/** Those who died within a claim leave a name behind; nobody needs longer than an hour for one. */
function removeOldTraces(directory: string, ownName: string): void {
  const hourMs = 3_600_000;
  for (const name of readdirSync(directory)) {
    if (name === ownName || !/^(claim-|postmaster\.after-|postmaster\.pid\.)/.test(name)) continue;
    const modifiedAt = lstatSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - modifiedAt > hourMs) rmSync(join(directory, name), { force: true });
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function checkSafe(directory: string, stats: Stats): void {
  const refuse = (message: string, detail: string, hint: string): never => {
    throw new BgworkerError('ERR_DIRECTORY_UNSAFE', message, { detail: `${directory}: ${detail}`, hint });
  };
  if (stats.isSymbolicLink()) {
    refuse('the directory is a symbolic link', 'its target may be changed by others', 'name the target itself');
  }
  if (!stats.isDirectory())
    refuse('the path is not a directory', 'something else has this name', 'choose another path');
  const user = ourUser();
  if (user === undefined) return;
  if (stats.uid !== user) {
    refuse(
      'the directory belongs to another user',
      `owner ${stats.uid}, we are ${user}`,
      'choose another path, or run as its owner',
    );
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
    // The sticky bit says that it is meant for all, such as /tmp.
    const hint = (stats.mode & 0o1000) !== 0 ? 'name one of its own below it' : `run: chmod 700 ${directory}`;
    refuse('the directory is open to other users', `mode ${mode}, wanted 0700`, hint);
  }
}

function checkSocketPath(directory: string): void {
  if (process.platform === 'win32') return;
  const limitBytes = MAX_SOCKET_PATH_BYTES;
  const path = join(directory, SOCKET_NAME);
  const sizeBytes = Buffer.byteLength(path);
  if (fitsSocket(directory)) return;
  throw new BgworkerError('ERR_SOCKET_PATH_TOO_LONG', "the directory's path is too long for a socket", {
    detail: `${path} has ${sizeBytes} bytes, the system allows ${limitBytes}`,
    hint: `choose a directory of at most ${limitBytes - Buffer.byteLength(SOCKET_NAME) - 1} bytes, such as one under /tmp`,
  });
}

function runningError(directory: string, owner: ClaimRecord | undefined): BgworkerError {
  const who = owner === undefined || owner.pid === 0 ? 'pid unknown' : `pid ${owner.pid}, since ${owner.startedAt}`;
  return new BgworkerError('ERR_POSTMASTER_RUNNING', 'a postmaster already has this directory', {
    detail: `${directory}: ${who}`,
    hint: 'connect to it, stop it (bgworker stop), or choose another directory',
  });
}

function ourUser(): number | undefined {
  return process.geteuid?.();
}
