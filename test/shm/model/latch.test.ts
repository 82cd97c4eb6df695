/**
 * The latch, in all interleavings: two processes that each leave a piece of work and set it, one that waits for both;
 * and what happens when one of the rules is not kept.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model, Program, Step } from './explore.js';
import { END, explore } from './explore.js';
import type { Bed } from './sleep.js';
import { bed, SLEEPERS_MISTAKES, sleeping, waking } from './sleep.js';

interface Latch {
  isSet: boolean;
  readonly bed: Bed;
  work: number;
  done: number;
  /** Setters that are known to be dead. */
  dead: number;
  seenDead: number;
}

const start: Latch = { isSet: false, bed: bed(), work: 0, done: 0, dead: 0, seenDead: 0 };
const bedOf = (latch: Latch): Bed => latch.bed;

function setter(mistake?: string): Program<Latch> {
  const leaveWork =
    (next: string): Step<Latch> =>
    (latch) => {
      latch.work += 1;
      return next;
    };
  const set =
    (next: string): Step<Latch> =>
    (latch) => {
      const wasSet = latch.isSet;
      latch.isSet = true;
      return wasSet ? END : next;
    };
  if (mistake === 'wakes before it sets') {
    return { leaveWork: leaveWork('wake'), ...waking(bedOf, () => 'set'), set: set(END) };
  }
  if (mistake === 'sets before it leaves its work') {
    return { set: set('wake'), ...waking(bedOf, () => 'leaveWork'), leaveWork: leaveWork(END) };
  }
  return { leaveWork: leaveWork('set'), set: set('wake'), ...waking(bedOf, () => END) };
}

/** Waits, resets, works; until all is done that can still come. */
function owner(mistake?: string): Program<Latch> {
  const look =
    (something: string, nothing: string): Step<Latch> =>
    ({ isSet, dead, seenDead }) =>
      isSet || dead > seenDead ? something : nothing;
  const resetsLate = mistake === 'resets after it has worked';
  return {
    begin: look(resetsLate ? 'work' : 'reset', 'sleep'),
    look: look('rise', 'sleep'),
    lookAgain: look('rise', 'block'),
    ...sleeping({ bedOf, look: 'look', lookAgain: 'lookAgain', awake: () => (resetsLate ? 'work' : 'reset'), mistake }),
    reset: (latch) => {
      latch.isSet = false;
      return resetsLate ? 'begin' : 'work';
    },
    work: (latch) => {
      latch.seenDead = latch.dead;
      latch.done = latch.work;
      if (latch.done + latch.seenDead >= 2) return END;
      return resetsLate ? 'reset' : 'begin';
    },
  };
}

function model(mistake?: string): Model<Latch> {
  return {
    start,
    programs: { owner: owner(mistake), one: setter(mistake), other: setter(mistake) },
    atEnd: ({ done, dead }) => (done + dead >= 2 ? undefined : `${done} done`),
  };
}

test('R-LAT-2, R-LAT-12: no wake-up is lost in any interleaving of two who set a latch and one who waits', () => {
  const { problem, way, states } = explore(model());
  assert.equal(problem, undefined, way?.join('\n'));
  assert.ok(states > 500, `${states} states`);
});

test('a setter may die before any of its steps, if its death is told', () => {
  const died = (latch: Latch): void => {
    latch.dead += 1;
    latch.bed.rings = 1;
  };
  const { problem, way } = explore({ ...model(), mortal: ['one', 'other'], died });
  assert.equal(problem, undefined, way?.join('\n'));
});

const mistakes = [
  ...SLEEPERS_MISTAKES.map((mistake) => ['owner', mistake] as const),
  ['owner', 'resets after it has worked'],
  ['setter', 'wakes before it sets'],
  ['setter', 'sets before it leaves its work'],
] as const;

for (const [who, mistake] of mistakes) {
  test(`the checker finds how a wake-up is lost when the ${who} ${mistake}`, () => {
    assert.match(explore(model(mistake)).problem ?? '', /asleep for ever: owner/);
  });
}
