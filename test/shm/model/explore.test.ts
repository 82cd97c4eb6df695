/**
 * The model checker itself: what is wrong is found, by the shortest way that leads there, and what is right is passed.
 * Each model here is one that can be gone through by hand.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from './cell.js';
import { beginRead, beginWrite, cell, endRead, endWrite } from './cell.js';
import type { Program } from './explore.js';
import { BLOCKED, DEAD, END, explore } from './explore.js';

interface Counting {
  count: number;
  readonly read: number[];
}

function counter(index: number): Program<Counting> {
  return {
    read: (state) => {
      state.read[index] = state.count;
      return 'write';
    },
    write: (state) => {
      state.count = (state.read[index] ?? 0) + 1;
      return END;
    },
  };
}

test('two who read a number and write the next one lose a count, in some interleaving', () => {
  const result = explore<Counting>({
    start: { count: 0, read: [0, 0] },
    programs: { one: counter(0), other: counter(1) },
    atEnd: ({ count }) => (count === 2 ? undefined : `counted ${count}`),
  });
  assert.equal(result.problem, 'counted 1');
  assert.deepEqual(result.way, ['one.read', 'other.read', 'one.write', 'other.write']);
});

interface Signal {
  isSet: boolean;
  isAsleep: boolean;
  rings: number;
}

function sleeper(looksTwice: boolean): Program<Signal> {
  return {
    look: ({ isSet }) => (isSet ? END : 'sleep'),
    sleep: (state) => {
      state.isAsleep = true;
      return looksTwice ? 'lookAgain' : 'block';
    },
    lookAgain: ({ isSet }) => (isSet ? END : 'block'),
    block: (state) => {
      if (state.rings === 0) return BLOCKED;
      state.rings = 0;
      return 'look';
    },
  };
}

const waker: Program<Signal> = {
  set: (state) => {
    state.isSet = true;
    return 'wake';
  },
  wake: (state) => {
    if (state.isAsleep) state.rings += 1;
    return END;
  },
};

const signal: Signal = { isSet: false, isAsleep: false, rings: 0 };

test('one who does not look a second time sleeps for ever, in some interleaving', () => {
  assert.deepEqual(explore({ start: signal, programs: { sleeper: sleeper(true), waker } }).problem, undefined);
  const { problem, way } = explore({ start: signal, programs: { sleeper: sleeper(false), waker } });
  assert.equal(problem, 'asleep for ever: sleeper at block');
  assert.deepEqual(way, ['sleeper.look', 'waker.set', 'waker.wake', 'sleeper.sleep']);
});

test('a death before any step is tried, and nobody may count on one', () => {
  const model = { start: signal, programs: { sleeper: sleeper(true), waker }, mortal: ['waker'] };
  assert.match(explore(model).problem ?? '', /asleep for ever/);
  const died = (state: Signal): void => {
    state.isSet = true;
    state.rings += 1;
  };
  assert.equal(explore({ ...model, died }).problem, undefined);
  const seen = new Set<string>();
  explore({
    ...model,
    died,
    always: (_, { waker = '' }) => {
      seen.add(waker);
      return undefined;
    },
  });
  assert.deepEqual([...seen].sort(), [DEAD, END, 'set', 'wake']);
  const never: Program<Signal> = { look: ({ isSet }) => (isSet ? END : 'look') };
  const mayDie: Program<Signal> = { rest: () => END };
  const problem = explore({ start: signal, programs: { never, mayDie }, mortal: ['mayDie'], died }).problem;
  assert.equal(problem, 'no end can be reached any more');
});

test('bytes that are read while they are written are found', () => {
  const programs: Record<string, Program<{ readonly cell: Cell; seen: number }>> = {
    writer: {
      begin: (state) => {
        beginWrite(state.cell);
        return 'end_';
      },
      end_: (state) => {
        endWrite(state.cell, 7);
        return END;
      },
    },
    reader: {
      begin: (state) => {
        beginRead(state.cell);
        return 'end_';
      },
      end_: (state) => {
        state.seen = endRead(state.cell);
        return END;
      },
    },
  };
  const { problem, way } = explore({ start: { cell: cell(), seen: 0 }, programs });
  assert.equal(problem, 'reader.begin: bytes are read that are half written');
  assert.deepEqual(way, ['writer.begin']);
});
