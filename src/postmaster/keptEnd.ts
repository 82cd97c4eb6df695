/**
 * What is kept of a worker's output: the last 8 KiB of both streams together, in the order in which they arrived, and of
 * each stream its last 2 KiB in any case, so that a flood on one does not wash away the last cry on the other.
 */
import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';

export type OutputStream = 'stdout' | 'stderr';

export interface OutputPart {
  readonly stream: OutputStream;
  readonly text: string;
}

const keptBytes = 8 * 1024;
/** Room for a stack trace. */
const reservedBytes = 2 * 1024;

export class KeptEnd {
  readonly #ends = { stdout: new StreamEnd(), stderr: new StreamEnd() };
  /** How the bytes of the two ends follow one another, oldest first; neighbours are of different streams. */
  #pieces: Piece[] = [];

  add(stream: OutputStream, chunk: Buffer): void {
    if (chunk.length === 0) return;
    const forgotten = this.#ends[stream].add(chunk);
    if (forgotten > 0) this.#pieces = withoutOldest(this.#pieces, { [stream]: forgotten });
    const sizeBytes = Math.min(chunk.length, keptBytes);
    const last = this.#pieces.at(-1);
    if (last?.stream === stream) last.sizeBytes += sizeBytes;
    else this.#pieces.push({ stream, sizeBytes });
  }

  parts(): readonly OutputPart[] {
    const { stdout, stderr } = this.#ends;
    const surplus = this.#surplus();
    const readers = { stdout: stdout.reader(surplus.stdout), stderr: stderr.reader(surplus.stderr) };
    return withoutOldest(this.#pieces, surplus)
      .map(({ stream, sizeBytes }) => ({ stream, text: readers[stream](sizeBytes) }))
      .filter(({ text }) => text !== '');
  }

  /** How many of each stream's oldest bytes are too many. */
  #surplus(): Record<OutputStream, number> {
    const surplus = { stdout: 0, stderr: 0 };
    let excess = this.#ends.stdout.sizeBytes + this.#ends.stderr.sizeBytes - keptBytes;
    for (const { stream, sizeBytes } of this.#pieces) {
      if (excess <= 0) break;
      const sparable = this.#ends[stream].sizeBytes - surplus[stream] - reservedBytes;
      const dropped = Math.max(0, Math.min(sizeBytes, excess, sparable));
      surplus[stream] += dropped;
      excess -= dropped;
    }
    return surplus;
  }
}

interface Piece {
  readonly stream: OutputStream;
  sizeBytes: number;
}

function withoutOldest(pieces: readonly Piece[], sizes: Partial<Record<OutputStream, number>>): Piece[] {
  const rest = { stdout: 0, stderr: 0, ...sizes };
  const kept: Piece[] = [];
  for (const { stream, sizeBytes } of pieces) {
    const dropped = Math.min(sizeBytes, rest[stream]);
    rest[stream] -= dropped;
    if (dropped === sizeBytes) continue;
    const last = kept.at(-1);
    if (last?.stream === stream) last.sizeBytes += sizeBytes - dropped;
    else kept.push({ stream, sizeBytes: sizeBytes - dropped });
  }
  return kept;
}

/**
 * The last bytes of one stream, 8 to 16 KiB. They are copied, because a small piece of a chunk would keep the whole
 * chunk in memory; and the room is twice as large as what is needed, so that they are moved once per 8 KiB only.
 */
class StreamEnd {
  /** Most workers print nothing, so the room is made at the first byte. */
  #room = Buffer.alloc(0);
  #usedBytes = 0;
  #hasLost = false;

  get sizeBytes(): number {
    return this.#usedBytes;
  }

  /** Gives how many of the oldest bytes were forgotten for it. */
  add(chunk: Buffer): number {
    if (this.#room.length === 0) this.#room = Buffer.alloc(2 * keptBytes);
    const bytes = chunk.subarray(-keptBytes);
    let forgotten = 0;
    if (this.#usedBytes + bytes.length > this.#room.length) {
      forgotten = this.#usedBytes + bytes.length - keptBytes;
      this.#room.copyWithin(0, forgotten, this.#usedBytes);
      this.#usedBytes -= forgotten;
    }
    if (forgotten > 0 || bytes.length < chunk.length) this.#hasLost = true;
    bytes.copy(this.#room, this.#usedBytes);
    this.#usedBytes += bytes.length;
    return forgotten;
  }

  /** Gives the text from an offset on, as many bytes as are asked for each time. */
  reader(startBytes: number): (sizeBytes: number) => string {
    const decoder = new StringDecoder('utf8');
    let offset = startBytes;
    let isFirst = startBytes > 0 || this.#hasLost;
    return (sizeBytes) => {
      const bytes = this.#room.subarray(offset, offset + sizeBytes);
      offset += sizeBytes;
      // What was cut off may have ended in the middle of a character.
      const text = decoder.write(isFirst ? fromCharacter(bytes) : bytes);
      isFirst = false;
      return text;
    };
  }
}

/** Without the bytes that continue a character whose beginning is missing: at most three. */
function fromCharacter(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && ((bytes[start] ?? 0) & 0b1100_0000) === 0b1000_0000) start += 1;
  return bytes.subarray(start);
}
