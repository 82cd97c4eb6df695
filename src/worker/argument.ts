/**
 * The argument of a worker's function, from the bytes of the job's own frame or from a file in the postmaster's
 * directory that the client wrote. Reads as deserializeValue of protocol/values.ts does, buffers with memory of their
 * own and all, without bringing that whole folder into the worker's start; a test holds both together.
 */
import { readFileSync } from 'node:fs';
import { DefaultDeserializer } from 'node:v8';
import type { BackgroundWorker } from '../core/index.js';

/** `directory` is the postmaster's. */
export function readArgument({ mainArg }: BackgroundWorker, directory: string, attachment: Uint8Array | null): unknown {
  if (mainArg.kind === 'none') return undefined;
  const bytes = mainArg.kind === 'file' ? readFileSync(`${directory}/args/${mainArg.file}`) : attachment;
  const deserializer = new ArgumentDeserializer(bytes ?? new Uint8Array());
  deserializer.readHeader();
  return deserializer.readValue() as unknown;
}

class ArgumentDeserializer extends DefaultDeserializer {
  protected _readHostObject(): ArrayBufferView {
    const { _readHostObject: read } = DefaultDeserializer.prototype as unknown as ReadsHostObjects;
    const view = read.call(this);
    const memory = new Uint8Array(view.byteLength);
    memory.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (Buffer.isBuffer(view)) return Buffer.from(memory.buffer);
    const { constructor: View } = view as unknown as {
      readonly constructor: new (buffer: ArrayBufferLike) => ArrayBufferView;
    };
    return new View(memory.buffer);
  }
}

interface ReadsHostObjects {
  _readHostObject(): ArrayBufferView;
}
