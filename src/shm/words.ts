/**
 * Words that several processes write: 32 bits each, and the only way to them.
 *
 * A plain read of such a word may be kept in a register and never be done again (V8 of Node 22 and newer does so), and
 * a plain write may be put off or done twice. So nobody has the array: every access goes through `Atomics`, whose
 * operations are seen by all processes in one order, each of them whole. That order is what the algorithms built on it
 * rest upon; bytes that are written between two of these operations are seen by whoever sees the second.
 */
export class Words {
  readonly #array: Int32Array;

  constructor(memory: ArrayBufferLike, offsetBytes: number, count: number) {
    this.#array = new Int32Array(memory, offsetBytes, count);
  }

  get count(): number {
    return this.#array.length;
  }

  load(index: number): number {
    return Atomics.load(this.#array, index);
  }

  store(index: number, value: number): void {
    Atomics.store(this.#array, index, value);
  }

  /** A plain write, of what nobody reads before he has seen a `store` that follows it. Much cheaper. */
  prepare(index: number, value: number): void {
    this.#array[index] = value;
  }

  /** Gives what was there before, as the next two do. */
  exchange(index: number, value: number): number {
    return Atomics.exchange(this.#array, index, value);
  }

  add(index: number, value: number): number {
    return Atomics.add(this.#array, index, value);
  }

  compareExchange(index: number, expected: number, value: number): number {
    return Atomics.compareExchange(this.#array, index, expected, value);
  }
}

/** The same with 64 bits each, for what must not run over, or what has to change together. */
export class LongWords {
  readonly #array: BigInt64Array;

  constructor(memory: ArrayBufferLike, offsetBytes: number, count: number) {
    this.#array = new BigInt64Array(memory, offsetBytes, count);
  }

  load(index: number): bigint {
    return Atomics.load(this.#array, index);
  }

  store(index: number, value: bigint): void {
    Atomics.store(this.#array, index, value);
  }

  /** Gives what was there before, as the next two do. */
  exchange(index: number, value: bigint): bigint {
    return Atomics.exchange(this.#array, index, value);
  }

  add(index: number, value: bigint): bigint {
    return Atomics.add(this.#array, index, value);
  }

  compareExchange(index: number, expected: bigint, value: bigint): bigint {
    return Atomics.compareExchange(this.#array, index, expected, value);
  }
}
