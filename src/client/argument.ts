/**
 * A worker's argument on its way: serialised, in the frame up to 1 MiB, beyond that in a file of the postmaster's
 * directory. The postmaster removes that file when the worker has ended for good; until it has the registration, the
 * file is ours to remove.
 */
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BgworkerError } from '../base/index.js';
import type { Argument } from '../core/index.js';
import { MAX_ATTACHMENT_BYTES, serializeValue } from '../protocol/index.js';
import type { World } from './world.js';

const MAX_ARGUMENT_BYTES = 64 * 1024 * 1024;

export interface StoredArgument {
  readonly mainArg: Argument;
  /** For a registration that came to nothing. Safe to call in any case. */
  discard(): Promise<void>;
}

/** `undefined` is no argument. Throws `ERR_NOT_SERIALIZABLE` with the path to what cannot be sent, or `ERR_ARGUMENT_TOO_LARGE`. */
export async function storeArgument(
  value: unknown,
  directory: string,
  world: Pick<World, 'prepareDirectory'>,
): Promise<StoredArgument> {
  const nothingToDiscard = async (): Promise<void> => {};
  if (value === undefined) return { mainArg: { kind: 'none' }, discard: nothingToDiscard };
  const bytes = serializeValue(value, 'mainArg');
  const sizeBytes = bytes.byteLength;
  if (sizeBytes <= MAX_ATTACHMENT_BYTES) return { mainArg: { kind: 'bytes', bytes }, discard: nothingToDiscard };
  if (sizeBytes > MAX_ARGUMENT_BYTES) {
    throw new BgworkerError('ERR_ARGUMENT_TOO_LARGE', 'the argument is too large', {
      detail: `${sizeBytes} bytes, ${MAX_ARGUMENT_BYTES} are allowed`,
      hint: 'leave the data in a file or a database and send its name',
    });
  }
  const file = randomBytes(16).toString('hex');
  const path = join(directory, 'args', file);
  world.prepareDirectory(directory);
  await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
  return { mainArg: { kind: 'file', file, sizeBytes }, discard: () => rm(path, { force: true }) };
}
