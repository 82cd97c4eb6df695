/**
 * The barrier, in all interleavings of its operations on memory (in some, all with a few interruptions), with deaths.
 * And mistakes that must be found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as shipped from '../../../src/shm/index.js';
import type { Exploration } from './explore.js';
import type { Mistake, SharedMemory } from './mutants.js';
import { withMistake } from './mutants.js';
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
      if (options.parties !== undefined) return;
      // All have joined: their seats are taken, in phase 0, by one who joined for them.
      for (let seat = 0; seat < count; seat++) {
        chunk.words.store(SEATS + 3 * seat, seat + 1);
        chunk.words.store(SEATS + 3 * seat + 1, -1);
      }
    },
    quiet: [0, 1, 2, 3, SEATS_MARK],
    processes,
    ...more,
  });
}

/** Arrives so often, and says so before and after: nobody may be through while somebody has not come. */
function party({ SharedBarrier }: SharedMemory, phases: number): Process {
  return ({ chunk, number, note }) => {
    const barrier = SharedBarrier.attach(chunk);
    let broken = false;
    for (let phase = 0; phase < phases && !broken; phase++) {
      note(`work ${phase}`, (notes) => {
        notes[number] = `done ${phase}`;
      });
      let elected = false;
      try {
        ({ elected } = barrier.arriveAndWaitBlocking());
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_BARRIER_BROKEN') throw error;
        broken = true;
      }
      note(`on ${phase} ${elected} ${broken}`, (notes, dead) => {
        if (broken) return must(dead.length > 0, 'it is broken and nobody is dead');
        const isBehind = (other: string) => Number(other.split(' ')[1] ?? -1) < phase;
        must(!Object.values(notes).some(isBehind), 'one goes on before another has come');
        if (elected) {
          must(notes[`elected ${phase}`] === undefined, 'two are elected');
          notes[`elected ${phase}`] = `by ${phase}`;
        }
      });
    }
  };
}

type Scenario = (code: SharedMemory) => Exploration;

/** With nobody dead, one was elected in each phase. */
function electedInEach(phases: number) {
  return (notes: Notes, { dead }: Memory): string | undefined => {
    if (dead.length > 0) return undefined;
    for (let phase = 0; phase < phases; phase++) {
      if (notes[`elected ${phase}`] === undefined) return `nobody is elected in phase ${phase}`;
    }
    return undefined;
  };
}

const scenarios = {
  two: (code) =>
    check(
      code,
      { parties: 2 },
      { one: party(code, 2), other: party(code, 2) },
      { interruptions: 4, atEnd: electedInEach(2) },
    ),
  death: (code) =>
    check(
      code,
      { parties: 2 },
      { one: party(code, 2), other: party(code, 2) },
      { interruptions: 2, mortal: ['one'], notes: {}, prepare: undefined as never },
    ),
} satisfies Record<string, Scenario>;
