/**
 * Sides in turn: A B C, A B C, … so that whatever else the machine does in a minute is done to all of them. The first
 * round warms caches and is thrown away. A side gives one number, or several under names (then `side.name`).
 */
import { describe } from './statistics.js';

/**
 * @param {number} rounds
 * @param {string} unit
 * @param {{ [side: string]: () => Promise<number | { [part: string]: number }> }} sides
 * @param {{ warmUp?: number, before?: () => Promise<void> }} [options] `before` is done before each side's turn
 */
export async function inTurn(rounds, unit, sides, { warmUp = 1, before } = {}) {
  /** @type {Map<string, number[]>} */
  const measured = new Map();
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [side, measure] of Object.entries(sides)) {
      await before?.();
      const result = await measure();
      if (round < 0) continue;
      const parts = typeof result === 'number' ? { '': result } : result;
      for (const [part, value] of Object.entries(parts)) {
        const name = part === '' ? side : `${side}: ${part}`;
        if (!Number.isFinite(value)) throw new Error(`${name} gave ${value}`);
        measured.set(name, [...(measured.get(name) ?? []), value]);
      }
    }
  }
  return new Measured(unit, measured);
}

export class Measured {
  #unitOf;
  #values;

  /**
   * @param {string | ((name: string) => string)} unit of all, or by name
   * @param {ReadonlyMap<string, readonly number[]>} values
   */
  constructor(unit, values) {
    this.#unitOf = typeof unit === 'string' ? () => unit : unit;
    this.#values = values;
  }

  /**
   * For sides that were measured at the same time.
   *
   * @param {readonly (readonly [string, number])[]} found
   * @param {string | ((name: string) => string)} unit
   */
  static of(found, unit) {
    const values = new Map();
    for (const [name, value] of found) values.set(name, [...(values.get(name) ?? []), value]);
    return new Measured(unit, values);
  }

  /** @param {string} name */
  median(name) {
    return this.side(name).median;
  }

  /** @param {string} name */
  side(name) {
    const values = this.#values.get(name);
    if (values === undefined) throw new Error(`nothing was measured of ${name}`);
    return describe(name, this.#unitOf(name), values);
  }

  sides() {
    return [...this.#values.keys()].map((name) => this.side(name));
  }
}
