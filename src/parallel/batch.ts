/**
 * A batch: items that were read together, from when they are read until their results are taken. Usually one participant
 * does the whole of it. Where a process died with it, it is done in parts, by anybody and in any order; the batch is
 * settled when every part is.
 */
import { assert } from '../base/index.js';

/** Items next to each other that somebody does in one go. */
export interface Part {
  readonly batch: Batch;
  /** Where they begin in the batch. */
  readonly from: number;
  readonly items: readonly unknown[];
  /** What ended the process that had begun with it; null where none did. Such a part is done by a process alone. */
  readonly suspectedOf: Error | null;
}

/** What came of a part. */
export interface PartResult {
  /** One for each item; of an aggregate, one for all of them. */
  readonly values: readonly unknown[];
  /** By the item's place in the part. */
  readonly errors: ReadonlyMap<number, Error>;
  /** Of both the items and what came of them, serialised, as far as is known. */
  readonly bytes: number;
}

const NO_ERRORS: ReadonlyMap<number, Error> = new Map();

export class Batch {
  readonly number: number;
  /** Of its first item, among all of the source. */
  readonly firstIndex: number;
  readonly items: readonly unknown[];
  readonly #settled: { readonly from: number; readonly result: PartResult }[] = [];
  #itemsLeft: number;

  constructor(number: number, firstIndex: number, items: readonly unknown[]) {
    this.number = number;
    this.firstIndex = firstIndex;
    this.items = items;
    this.#itemsLeft = items.length;
  }

  /** The whole of it, to begin with. */
  get whole(): Part {
    return { batch: this, from: 0, items: this.items, suspectedOf: null };
  }

  get isSettled(): boolean {
    return this.#itemsLeft === 0;
  }

  settle({ from, items }: Part, result: PartResult): void {
    this.#itemsLeft -= items.length;
    assert(this.#itemsLeft >= 0, 'each item of a batch is settled once');
    this.#settled.push({ from, result });
    if (this.#settled.length > 1) this.#settled.sort((one, other) => one.from - other.from);
  }

  /** An item before this place has failed. */
  hasFailedBefore(place: number): boolean {
    return this.#settled.some(({ from, result }) => from < place && result.errors.size > 0);
  }

  /** Of its items and all results together, serialised, as far as is known. */
  get bytes(): number {
    return this.#settled.reduce((sum, { result }) => sum + result.bytes, 0);
  }

  /** In the order of the items. */
  get values(): readonly unknown[] {
    const [first] = this.#settled;
    if (this.#settled.length === 1 && first !== undefined) return first.result.values;
    return this.#settled.flatMap(({ result }) => result.values);
  }

  /** By the item's place in the batch. */
  get errors(): ReadonlyMap<number, Error> {
    if (this.#settled.every(({ result }) => result.errors.size === 0)) return NO_ERRORS;
    return new Map(
      this.#settled.flatMap(({ from, result }) => [...result.errors].map(([at, error]) => [from + at, error] as const)),
    );
  }
}

/** Each item by itself. */
export function singly({ batch, from, items }: Part, suspectedOf: Error | null): Part[] {
  return items.map((item, at) => ({ batch, from: from + at, items: [item], suspectedOf }));
}

export function halves({ batch, from, items, suspectedOf }: Part): Part[] {
  const half = items.length >> 1;
  return [
    { batch, from, items: items.slice(0, half), suspectedOf },
    { batch, from: from + half, items: items.slice(half), suspectedOf },
  ];
}

/** Of a part of which only the first so many were done: these, with what came of them, and the rest. */
export function cut(part: Part, done: number, result: PartResult): { first: Part; result: PartResult; rest: Part } {
  const { items, from } = part;
  return {
    first: { ...part, items: items.slice(0, done) },
    result: { ...result, values: result.values.slice(0, done) },
    rest: { ...part, from: from + done, items: items.slice(done) },
  };
}

/** As they stand in the source. */
export function comparePlaces(one: Part, other: Part): number {
  return one.batch.number - other.batch.number || one.from - other.from;
}
