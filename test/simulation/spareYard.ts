/**
 * The spares of the simulated host: made, booting, idle, dead without anybody having noticed yet, ended by order. It
 * holds the core to its word: a spare is given one job, and never one that was not idle or was told to end.
 */
import type { Effect } from '../../src/core/index.js';
import type { Fact } from '../../src/postmaster/fact.js';
import type { Random } from './random.js';
import { expect } from './violation.js';

export interface Spare {
  readonly spare: number;
  pid: number | null;
  isIdle: boolean;
  isLeaving: boolean;
  /** The host has not noticed yet. */
  isDead: boolean;
}

type EffectOf<Type extends Effect['type']> = Extract<Effect, { type: Type }>;

export class SpareYard {
  readonly spares: Spare[] = [];
  #made = 0;

  made({ spare }: EffectOf<'startSpare'>): void {
    expect(spare > this.#made, 'no number is used twice');
    this.#made = spare;
    this.spares.push({ spare, pid: null, isIdle: false, isLeaving: false, isDead: false });
  }

  ended({ spare }: EffectOf<'endSpare'>): void {
    const known = this.spares.find((other) => other.spare === spare);
    expect(known !== undefined && known.pid !== null, 'only a spare that is there is ended');
    expect(!known.isLeaving, 'it is ended once');
    known.isLeaving = true;
  }

  given({ spare }: EffectOf<'giveJob'>): { readonly pid: number; readonly isDead: boolean } {
    const at = this.spares.findIndex((other) => other.spare === spare);
    const [known] = at < 0 ? [] : this.spares.splice(at, 1);
    expect(known !== undefined && known.pid !== null, 'a job is given to a spare that is there, and once');
    expect(known.isIdle && !known.isLeaving, 'a job is given to a spare that is idle');
    return { pid: known.pid, isDead: known.isDead };
  }

  /** One of them lives on a little. Gives what the host has to tell of it. */
  move(random: Random, isCalm: boolean, nextPid: () => number): Fact | null {
    const known = random.pick(this.spares);
    const { spare } = known;
    if (known.pid === null) {
      if (!isCalm && random.chance(0.2)) return this.#gone(known);
      known.pid = nextPid();
      return { type: 'spareForked', spare, pid: known.pid };
    }
    if (known.isLeaving || known.isDead) return this.#gone(known);
    if (!isCalm && random.chance(0.1)) {
      known.isDead = true;
      return null;
    }
    if (known.isIdle) return null;
    known.isIdle = true;
    return { type: 'spareIdle', spare };
  }

  /** What is left of one that is gone, or was given a job long ago. */
  oldNews(random: Random): Fact {
    const spare = 1 + random.below(this.#made + 1);
    if (this.spares.some((known) => known.spare === spare)) return { type: 'clockAdvanced' };
    return random.pick<Fact>([
      { type: 'spareIdle', spare },
      { type: 'spareExited', spare },
      { type: 'spareForked', spare, pid: 99 },
    ]);
  }

  #gone(known: Spare): Fact {
    this.spares.splice(this.spares.indexOf(known), 1);
    return { type: 'spareExited', spare: known.spare };
  }
}
