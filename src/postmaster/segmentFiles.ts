/**
 * The files of this postmaster's shared memory: where they lie, that they are somebody's, and their end. Members make and
 * map them; nothing is mapped here.
 *
 *     /dev/shm/bgworker.EPOCH.alive      a socket that accepts as long as we live: made before the first member is told of
 *                                        a segment, so files of an epoch whose socket nobody accepts on are nobody's
 *     /dev/shm/bgworker.EPOCH.NUMBER     a segment
 *     DIRECTORY/doorbells/MEMBER         by which a member is woken; it makes and removes it, and we when it is dead
 *
 * The socket lies beside the files, and not in our directory, because others can see the one without the other: containers
 * that share /dev/shm, or a postmaster of the same user in another directory (segmentLeftovers.ts). Where there is no
 * /dev/shm, the segments lie in `DIRECTORY/segments`, and belong to whom the directory belongs.
 */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, unlink } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { BgworkerError } from '../base/index.js';
import type { MemberId, SegmentId } from '../core/index.js';
import { namesIn } from './leftovers.js';
import type { Log } from './log.js';

/** What the server loop needs of it, and a test replaces. */
export interface SegmentStore {
  /** The folder of the doorbells. */
  readonly doorbells: string;
  /** Before anybody is told of a segment. Rejects with what the asker is told; safe to repeat. */
  claim(): Promise<void>;
  fileOf(id: SegmentId): string;
  /** It may not be there: who was to make it may have failed. */
  removeSegment(id: SegmentId): void;
  removeDoorbell(member: MemberId): void;
}

/** Memory with names, on Linux. */
export const SHARED_FOLDER = '/dev/shm';

export interface SegmentFilesOptions {
  readonly epoch: string;
  readonly directory: string;
  readonly log: Log;
}

export class SegmentFiles implements SegmentStore {
  readonly doorbells: string;
  readonly #log: Log;
  /** Every file of this epoch lies in `folder`, and its name begins with `prefix`. */
  readonly #folder: string;
  readonly #prefix: string;
  readonly #isShared: boolean;
  #claim: Promise<Server | null> | undefined;
  #isOver = false;

  constructor({ epoch, directory, log }: SegmentFilesOptions) {
    this.doorbells = join(directory, 'doorbells');
    this.#log = log;
    this.#isShared = process.platform === 'linux';
    this.#folder = this.#isShared ? SHARED_FOLDER : join(directory, 'segments');
    this.#prefix = this.#isShared ? `bgworker.${epoch}.` : `${epoch}.`;
  }

  async claim(): Promise<void> {
    this.#claim ??= this.#begin();
    try {
      await this.#claim;
    } catch (error) {
      // Whoever asks next tries again: somebody may have made room.
      this.#claim = undefined;
      throw error instanceof BgworkerError ? error : noSharedMemory(error, this.#folder);
    }
    // Empty for days it may have been tidied away.
    if (!this.#isOver) this.#makeDoorbells();
  }

  fileOf(id: SegmentId): string {
    return join(this.#folder, `${this.#prefix}${id}`);
  }

  removeSegment(id: SegmentId): void {
    const file = this.fileOf(id);
    // Not here and now: to give gigabytes of pages back takes the kernel a while.
    unlink(file, (error) => {
      if (error === null || error.code === 'ENOENT') return;
      this.#log.say('warn', 'the file of a segment could not be removed', { file, err: error });
    });
  }

  removeDoorbell(member: MemberId): void {
    rmSync(join(this.doorbells, String(member)), { force: true });
  }

  /** The end: nothing of this epoch is left, whoever made it. */
  removeAll(): void {
    this.#isOver = true;
    if (this.#claim === undefined) return;
    void this.#claim.then(close, () => {});
    for (const name of namesIn(this.#folder)) {
      // The socket goes last: as long as there is a file there is an owner.
      if (name.startsWith(this.#prefix) && name !== this.#aliveName) rmSync(join(this.#folder, name), { force: true });
    }
    rmSync(join(this.#folder, this.#aliveName), { force: true });
  }

  get #aliveName(): string {
    return `${this.#prefix}alive`;
  }

  #makeDoorbells(): void {
    try {
      mkdirSync(this.doorbells, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw noSharedMemory(error, this.doorbells);
    }
  }

  async #begin(): Promise<Server | null> {
    this.#makeDoorbells();
    if (!this.#isShared) {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      return null;
    }
    const beginning = join(this.#folder, `${this.#prefix}starting`);
    const server = await listen(beginning);
    try {
      // The end may have overtaken us.
      if (this.#isOver) return server;
      chmodSync(beginning, 0o600);
      // From here on whoever finds it is accepted.
      renameSync(beginning, join(this.#folder, this.#aliveName));
      return server;
    } catch (error) {
      close(server);
      throw error;
    }
  }
}

/** It never keeps the process alive. */
async function listen(path: string): Promise<Server> {
  // Being accepted is all there is to learn here.
  const server = createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(path, done);
  });
  server.removeAllListeners('error');
  // What befalls one who asked befalls only him.
  server.on('error', () => {});
  return server;
}

/** It removes the name that it was given at first, should that still be there. */
function close(server: Server | null): void {
  server?.close();
}

function noSharedMemory(error: unknown, folder: string): BgworkerError {
  const isMissing = !existsSync(folder);
  return new BgworkerError('ERR_NO_SHARED_MEMORY', 'there is no shared memory here', {
    detail: `${folder}: ${error instanceof Error ? error.message : String(error)}`,
    hint: `${isMissing ? 'it must be there' : 'we must be able to write there'}: docs/containers.md says how`,
    cause: error,
  });
}
