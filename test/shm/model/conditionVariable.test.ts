/**
 * The condition variable as it ships, in the interleavings of its operations on memory, with deaths and with one that
 * gives up just when it is signalled. And mistakes that must be found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as shipped from '../../../src/shm/index.js';
import type { Exploration } from './explore.js';
import type { Scenario, SharedMemory } from './mutants.js';
import { testMistakes } from './mutants.js';
import type { StepwiseModel, Tools } from './stepwise.js';
import { exploreStepwise } from './stepwise.js';

const options = { maxWaiters: 2 };
/** Where things lie: those of the list, and two words beside the condition variable: how much there is to take, and whether all was. */
const MARK = 3;
const TICKETS = 4;
const STANDS = [5, 7];
const ITEMS = 20;
const IS_OVER = 21;

type Process = (tools: Tools) => void;

function check(
  code: SharedMemory,
  processes: Readonly<Record<string, Process>>,
  more: Partial<StepwiseModel>,
): Exploration {
  return exploreStepwise({
    sizeBytes: 128,
    prepare: (chunk) => {
      code.SharedConditionVariable.create(chunk, options);
      chunk.words.store(MARK, options.maxWaiters);
    },
    quiet: [0, 1, 2, MARK, TICKETS, ...STANDS.map((stand) => stand + 1)],
    processes,
    ...more,
  });
}

/** Waits until it has taken one of the items. With `givesUp` it fails when there is one. */
function taker({ SharedConditionVariable }: SharedMemory, givesUp = false): Process {
  return ({ chunk, note }) => {
    const enough = new Error('enough');
    try {
      SharedConditionVariable.attach(chunk).waitBlocking(() => {
        if (givesUp) {
          if (chunk.words.load(ITEMS) > 0) throw enough;
          return chunk.words.load(IS_OVER) !== 0;
        }
        for (let items = chunk.words.load(ITEMS); items > 0; items = chunk.words.load(ITEMS)) {
          if (chunk.words.compareExchange(ITEMS, items, items - 1) === items) return true;
        }
        return false;
      });
      note('taken', (notes) => {
        notes.taken = `${notes.taken ?? ''}|`;
      });
    } catch (error) {
      if (error !== enough) throw error;
    }
  };
}

function giver({ SharedConditionVariable }: SharedMemory, how: 'signal' | 'broadcast', count: number): Process {
  return ({ chunk }) => {
    const condition = SharedConditionVariable.attach(chunk);
    if (how === 'broadcast') chunk.words.add(ITEMS, count);
    for (let given = 0; given < count; given++) {
      if (how === 'signal') chunk.words.add(ITEMS, 1);
      if (how === 'signal' || given === 0) condition[how]();
    }
  };
}

/** Takes one, and tells all that it was the last. */
function last(code: SharedMemory): Process {
  const take = taker(code);
  return (tools) => {
    take(tools);
    tools.chunk.words.store(IS_OVER, 1);
    code.SharedConditionVariable.attach(tools.chunk).broadcast();
  };
}

const scenarios = {
  signal: (code) =>
    check(code, { one: taker(code), other: taker(code), giver: giver(code, 'signal', 2) }, { interruptions: 2 }),
  broadcast: (code) =>
    check(code, { one: taker(code), other: taker(code), giver: giver(code, 'broadcast', 2) }, { interruptions: 2 }),
  death: (code) =>
    check(
      code,
      { mortal: taker(code), other: taker(code), giver: giver(code, 'signal', 2) },
      { interruptions: 1, mortal: ['mortal'] },
    ),
  givesUp: (code) =>
    check(
      code,
      { impatient: taker(code, true), last: last(code), giver: giver(code, 'signal', 1) },
      { interruptions: 2 },
    ),
} satisfies Record<string, Scenario>;

test('no signal is lost between a look and a sleep, by one that dies, or by one that gives up', (t) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const { states, problem, way } = scenario(shipped);
    t.diagnostic(`${name}: ${states} states`);
    assert.deepEqual({ name, problem, way }, { name, problem: undefined, way: undefined });
  }
});

testMistakes({
  'one that gives up keeps its signal': {
    scenario: scenarios.givesUp,
    file: 'conditionVariable',
    from: 'attempt.isLooking ||= attempt.stand.isWoken;',
    to: '',
  },
  'one that need not wait any more keeps a signal that comes then': {
    scenario: scenarios.signal,
    file: 'conditionVariable',
    from: '!attempt.stand.leave() || attempt.isLooking',
    to: 'attempt.stand.leave() && attempt.isLooking',
  },
  'one that was woken comes first again': {
    scenario: scenarios.signal,
    file: 'waitList',
    from: 'this.#ticket = this.#list.nextTicket();',
    to: 'this.#ticket ??= this.#list.nextTicket();',
  },
  'a dead sleeper takes a signal': {
    scenario: scenarios.death,
    file: 'waitList',
    from: 'if (this.#wake(index))\n                return true;',
    to: 'this.#wake(index); return true;',
  },
  'one that was woken does not join again': {
    scenario: scenarios.death,
    file: 'waitList',
    from: 'this.#index !== undefined && this.#stands(this.#index)',
    to: 'this.#index !== undefined',
  },
});
