/**
 * The barrier as it ships, in the interleavings of its operations on memory that have a few interruptions, with deaths
 * before any of them. And mistakes that must be found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as shipped from '../../../src/shm/index.js';
import type { Exploration } from './explore.js';
import type { Scenario, SharedMemory } from './mutants.js';
import { testMistakes } from './mutants.js';
import type { Memory, Notes, StepwiseModel, Tools } from './stepwise.js';
import { exploreStepwise, must } from './stepwise.js';

/** Where things lie. */
const SEATS_MARK = 8;
const SEATS = 9;

type Process = (tools: Tools) => void;

function check(
  { SharedBarrier }: SharedMemory,
  options: shipped.BarrierOptions,
  processes: Readonly<Record<string, Process>>,
  more: Partial<StepwiseModel>,
): Exploration {
  const count = Object.keys(processes).length;
  return exploreStepwise({
    sizeBytes: SharedBarrier.sizeFor({ parties: count }),
    prepare: (chunk) => {
      SharedBarrier.create(chunk, options);
      chunk.words.store(SEATS_MARK, count);
    },
    quiet: [0, 1, 2, 3, SEATS_MARK],
    view,
    processes,
    ...more,
  });
}

/** What one knows that sleeps: its seat, and the phase in which it has arrived. */
function view({ words }: Memory, number: number): string {
  const seat = words.indexOf(number, SEATS);
  return `${seat} ${words[seat + 1]}`;
}

/** One of a static party: nobody may be through a phase while another has not come, and one is elected. */
function party({ SharedBarrier }: SharedMemory, phases: number): Process {
  return ({ chunk, number, note }) => {
    const barrier = SharedBarrier.attach(chunk);
    barrier.join();
    note('joined', () => {});
    for (let phase = 0; phase < phases; phase++) {
      note(`work ${phase}`, (notes) => {
        notes[`work ${number}`] = String(phase);
      });
      const result = orBroken(() => barrier.arriveAndWaitBlocking());
      note(`on ${JSON.stringify(result)}`, (notes, dead) => {
        if (result === 'broken') return must(dead.length > 0, 'it is broken and nobody is dead');
        for (const other of [1, 2]) must(Number(notes[`work ${other}`] ?? -1) >= phase, 'one has not come');
        must(result.phase === phase + 1, 'the phase is another');
        must(!result.elected || notes[`elected ${phase}`] === undefined, 'two are elected');
        if (result.elected) notes[`elected ${phase}`] = 'yes';
        notes.on = String(phase);
      });
      if (result === 'broken') return;
    }
  };
}

function orBroken<T>(arrive: () => T): T | 'broken' {
  try {
    return arrive();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BARRIER_BROKEN') return 'broken';
    throw error;
  }
}

function electedInEach(phases: number) {
  return (notes: Notes, { dead }: Memory): string | undefined => {
    const elected = Object.keys(notes).filter((key) => key.startsWith('elected')).length;
    return dead.length > 0 || elected === phases ? undefined : `${elected} were elected`;
  };
}

/** One of a dynamic party, whose phase does not change until it arrives. */
function guest({ SharedBarrier }: SharedMemory): Process {
  return ({ chunk, note }) => {
    const barrier = SharedBarrier.attach(chunk);
    const joined = barrier.join();
    note(`joined ${joined}`, () => {});
    const { phase } = barrier.arriveAndWaitBlocking();
    note(`on ${phase} ${joined}`, () => must(phase === joined + 1, 'a phase has passed without one'));
    barrier.leave();
  };
}

type Departure = 'leave' | 'arriveAndLeave' | 'arriveAndLeaveExceptLast';

/** One who goes: exactly one is the last. */
function leaver({ SharedBarrier }: SharedMemory, how: Departure): Process {
  return ({ chunk, number, note }) => {
    const barrier = SharedBarrier.attach(chunk);
    barrier.join();
    note('joined', () => {});
    const isLast = barrier[how]();
    note(`gone ${isLast}`, (notes) => {
      notes[number] = isLast ? 'last' : 'gone';
    });
  };
}

function oneIsLast(notes: Notes, { dead }: Memory): string | undefined {
  const last = [1, 2].filter((number) => notes[number] === 'last').length;
  return dead.length > 0 || last === 1 ? undefined : `${last} are the last`;
}

const go = (code: SharedMemory, one: Departure, other: Departure) =>
  check(
    code,
    { maxParties: 2 },
    { one: leaver(code, one), other: leaver(code, other) },
    { from: 'joined', interruptions: 4, atEnd: oneIsLast },
  );

const scenarios = {
  party: (code) =>
    check(
      code,
      { parties: 2 },
      { one: party(code, 2), other: party(code, 2) },
      { from: 'joined', interruptions: 2, atEnd: electedInEach(2) },
    ),
  partyAndDeath: (code) =>
    check(
      code,
      { parties: 2 },
      { one: party(code, 2), other: party(code, 2) },
      { from: 'joined', interruptions: 1, mortal: ['one'], atEnd: electedInEach(2) },
    ),
  guests: (code) => check(code, { maxParties: 2 }, { one: guest(code), other: guest(code) }, { interruptions: 2 }),
  guestsAndDeath: (code) =>
    check(
      code,
      { maxParties: 2 },
      { one: guest(code), other: guest(code) },
      { from: 'joined', interruptions: 2, mortal: ['one'] },
    ),
  guestAndLeaver: (code) =>
    check(
      code,
      { maxParties: 2 },
      { one: guest(code), other: leaver(code, 'arriveAndLeave') },
      { from: 'joined', interruptions: 3, mortal: ['other'] },
    ),
  leave: (code) => go(code, 'leave', 'leave'),
  leaveAndStay: (code) => go(code, 'leave', 'arriveAndLeaveExceptLast'),
  stay: (code) => go(code, 'arriveAndLeaveExceptLast', 'arriveAndLeaveExceptLast'),
} satisfies Record<string, Scenario>;

test('F-80: no phase goes on without one that takes part, one is elected, one is the last, and a death holds up nobody', (t) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const { states, problem, way } = scenario(shipped);
    t.diagnostic(`${name}: ${states} states`);
    assert.deepEqual({ name, problem, way }, { name, problem: undefined, way: undefined });
  }
});

testMistakes({
  'the phase begins after the others were woken': {
    scenario: scenarios.party,
    file: 'barrierParty',
    from: 'if (!this.#state.change(state, { phase: nextPhase(phase), needsElection }))',
    to: 'this.#seats.wakeAll(); this.#seats.wakeAll = () => {}; if (!this.#state.change(state, { phase: nextPhase(phase), needsElection }))',
  },
  'one that joins does not change the state': {
    scenario: scenarios.guests,
    file: 'barrierParty',
    from: 'if (this.#state.change(state, { isEmpty: false }))',
    to: '',
  },
  'one that sleeps does not ask who is dead': {
    scenario: scenarios.partyAndDeath,
    file: 'barrier',
    from: "this.#party.advance(phase, state === 'asleep', false)",
    to: 'this.#party.advance(phase, false, false)',
  },
  'all elect themselves': {
    scenario: scenarios.party,
    file: 'barrier',
    from: 'this.#goOn(this.#party.elect(nextPhase(phase)))',
    to: 'this.#goOn(true)',
  },
  'one that wants to stay is taken for one that has arrived': {
    scenario: scenarios.leaveAndStay,
    file: 'barrierParty',
    from: 'this.#seats.arrive(seat, phase - 1);',
    to: 'this.#seats.arrive(seat, phase);',
  },
  'one that stays does not step out first': {
    scenario: scenarios.stay,
    file: 'barrierParty',
    from: 'this.#seats.stepOut(seat);\n        // When',
    to: '// When',
  },
});
