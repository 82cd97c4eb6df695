/**
 * How one sleeps and is woken in shared memory, as steps that models are put together from: `Member.wait` and
 * `Sleeper`. A sleeper has a word that says that it sleeps, and a bell that keeps what was rung.
 */
import type { Program, Step } from './explore.js';
import { BLOCKED } from './explore.js';

export interface Bed {
  isAsleep: boolean;
  rings: number;
}

export function bed(): Bed {
  return { isAsleep: false, rings: 0 };
}

export interface Sleeping<State> {
  readonly bedOf: (state: State) => Bed;
  /** The steps that look, for the first time after a ring, and again when it is said that we sleep. */
  readonly look: string;
  readonly lookAgain: string;
  /** What follows when something was found. */
  readonly awake: Step<State>;
  /** What somebody does wrong. */
  readonly mistake?: string | undefined;
}

/**
 * look; say that we sleep; look again; sleep until the bell rings; look … A `look` that finds nothing goes on to
 * `sleep`, a `lookAgain` to `block`, and both to `rise` when they have found something.
 */
export function sleeping<State>({ bedOf, look, lookAgain, awake, mistake }: Sleeping<State>): Program<State> {
  const drainsLate = mistake === 'forgets the rings after it has looked';
  return {
    sleep: (state) => {
      bedOf(state).isAsleep = true;
      return mistake === 'does not look a second time' ? 'block' : lookAgain;
    },
    block: (state) => {
      if (drainsLate) bedOf(state).rings = 0;
      return 'poll';
    },
    poll: (state) => {
      if (bedOf(state).rings === 0) return BLOCKED;
      return drainsLate ? look : 'drain';
    },
    drain: (state) => {
      bedOf(state).rings = 0;
      return mistake === 'says only once that it sleeps' ? lookAgain : look;
    },
    rise: (state) => {
      bedOf(state).isAsleep = false;
      return awake(state);
    },
  };
}

export const SLEEPERS_MISTAKES = [
  'does not look a second time',
  'forgets the rings after it has looked',
  'says only once that it sleeps',
];

/** A look at the word; then it is taken, by one of those who saw it; then the bell. */
export function waking<State>(bedOf: (state: State) => Bed, next: Step<State>): Program<State> {
  return {
    wake: (state) => (bedOf(state).isAsleep ? 'takeSleeper' : next(state)),
    takeSleeper: (state) => {
      if (!bedOf(state).isAsleep) return next(state);
      bedOf(state).isAsleep = false;
      return 'ring';
    },
    ring: (state) => {
      bedOf(state).rings = 1;
      return next(state);
    },
  };
}
