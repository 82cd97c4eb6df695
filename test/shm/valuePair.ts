/**
 * An encoder and a decoder with a message between them, as a queue would have it: the pieces are joined into memory that
 * is used again for the next message, so that whatever was not copied is seen.
 */
import type { ValueDecoderOptions } from '../../src/shm/valueDecoder.js';
import { ValueDecoder } from '../../src/shm/valueDecoder.js';
import { ValueEncoder } from '../../src/shm/valueEncoder.js';

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const message = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    message.set(piece, at);
    at += piece.length;
  }
  return message;
}

export class ValuePair {
  readonly encoder: ValueEncoder;
  readonly decoder: ValueDecoder;
  /** Of the message that was sent last. */
  pieces = 0;
  bytes = 0;

  constructor(options: ValueDecoderOptions = {}) {
    this.encoder = new ValueEncoder(options);
    this.decoder = new ValueDecoder(options);
  }

  send(value: unknown): unknown {
    const pieces = this.encoder.encode(value);
    const message = joined(pieces);
    this.pieces = pieces.length;
    this.bytes = message.length;
    const got = this.decoder.decode(message);
    message.fill(0x5a);
    return got;
  }
}
