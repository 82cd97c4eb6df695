/**
 * The items of one simulated run, what is to become of each, and the source they come from, which may be a list or a
 * generator of either kind, may fail on the way, and has to be let go of in any case.
 */
import type { Random } from '../../simulation/random.js';
import type { Deed, Item } from './work.js';

export function drawItems(random: Random): readonly Item[] {
  const count = random.pick([0, 1, 2, 5, 20, 100, 400]);
  const deeds = drawDeeds(random, count);
  return Array.from({ length: count }, (_, n) => ({ n, deed: deeds[n] ?? 'answer', leaderPid: process.pid }));
}

/** Of some of so many; the others do what they are asked for. */
export function drawDeeds(random: Random, count: number): Readonly<Record<number, Deed>> {
  const deeds: Record<number, Deed> = {};
  if (count === 0) return deeds;
  for (let left = random.chance(0.3) ? 3 : 0; left > 0; left -= 1) deeds[random.below(count)] = 'wait';
  if (random.chance(0.25)) deeds[random.below(count)] = 'refuse';
  for (let left = random.chance(0.25) ? 1 + random.below(2) : 0; left > 0; left -= 1) {
    deeds[random.below(count)] = random.pick(['die', 'exit'] as const);
  }
  return deeds;
}

const KINDS = ['list', 'generator', 'async generator'] as const;

export class SourceError extends Error {
  override readonly name = 'SourceError';
}

export class Source {
  readonly kind: (typeof KINDS)[number];
  /** Before this item it throws; never, where that is undefined. */
  readonly failsBefore: number | undefined;
  readonly #items: readonly Item[];
  #state: 'unread' | 'open' | 'closed' = 'unread';

  constructor(random: Random, items: readonly Item[]) {
    this.#items = items;
    this.kind = random.pick(KINDS);
    this.failsBefore = this.kind !== 'list' && random.chance(0.1) ? random.below(items.length + 1) : undefined;
  }

  /** Somebody began to read it, and does not any more without having said so. */
  get isHeld(): boolean {
    return this.#state === 'open';
  }

  items(): Iterable<Item> | AsyncIterable<Item> {
    if (this.kind === 'list') return this.#items;
    return this.kind === 'generator' ? this.#read() : this.#readInTime();
  }

  *#read(): Generator<Item> {
    this.#state = 'open';
    try {
      for (const item of this.#items) {
        if (item.n === this.failsBefore) throw new SourceError('the source failed');
        yield item;
      }
      if (this.failsBefore === this.#items.length) throw new SourceError('the source failed');
    } finally {
      this.#state = 'closed';
    }
  }

  async *#readInTime(): AsyncGenerator<Item> {
    yield* this.#read();
  }
}
