/**
 * What a barrier is, apart from who sits where: its phase and two flags, in one long word, so that they change together,
 * and a version, so that nothing changes that somebody decided about who saw it as it was before.
 *
 *     bits 0..31 the phase     32 nobody is elected yet for this phase     33 the party is empty     34..62 the version
 *
 * Phases run over after 2^32 and are compared for being the same, never for which is later.
 */
import type { LongWords } from './words.js';

const PHASE = 0xffff_ffffn;
const NEEDS_ELECTION = 1n << 32n;
const IS_EMPTY = 1n << 33n;
const ONE_VERSION = 1n << 34n;
const VERSIONS = ((1n << 29n) - 1n) << 34n;

export interface BarrierState {
  readonly phase: number;
  /** The phase began because somebody left: of those that waited for it, one will find that it is elected. */
  readonly needsElection: boolean;
  readonly isEmpty: boolean;
  /** The word itself. */
  readonly word: bigint;
}

export class BarrierStateWord {
  readonly #words: LongWords;
  readonly #index: number;

  constructor(words: LongWords, index: number) {
    this.#words = words;
    this.#index = index;
  }

  clear(): void {
    this.#words.store(this.#index, IS_EMPTY);
  }

  load(): BarrierState {
    const word = this.#words.load(this.#index);
    return {
      phase: Number(word & PHASE),
      needsElection: (word & NEEDS_ELECTION) !== 0n,
      isEmpty: (word & IS_EMPTY) !== 0n,
      word,
    };
  }

  /** Gives it a new version at least. False when it is not what it was. */
  change(from: BarrierState, to: Partial<Omit<BarrierState, 'word'>> = {}): boolean {
    const { phase, needsElection, isEmpty } = { ...from, ...to };
    const version = (from.word + ONE_VERSION) & VERSIONS;
    const flags = (needsElection ? NEEDS_ELECTION : 0n) | (isEmpty ? IS_EMPTY : 0n);
    const word = version | flags | BigInt(phase);
    return this.#words.compareExchange(this.#index, from.word, word) === from.word;
  }
}

/** The phase after it. */
export function nextPhase(phase: number): number {
  return (phase + 1) >>> 0;
}
