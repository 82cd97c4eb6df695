/**
 * The lock, in all interleavings of its operations on memory: two that want it alone and one that reads, each of whom
 * may die before any of them. And mistakes that must be found, two of which were made.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as shipped from '../../../src/shm/index.js';
import type { Exploration } from './explore.js';
import type { Scenario, SharedMemory } from './mutants.js';
import { testMistakes } from './mutants.js';
import type { Memory, Notes, StepwiseModel, Tools } from './stepwise.js';
import { exploreStepwise, must } from './stepwise.js';

const options = { maxShared: 1, maxWaiters: 2 };
/** Where things lie in a lock of that size. */
const DRAINER = 4;
const OWNER = 5;
const SLOTS_MARK = 6;
const SLOT = 8;
const WRITERS_MARK = 9;
const TICKETS = 10;
const STANDS = [11, 13];

type Process = (tools: Tools) => void;

function user({ SharedLock }: SharedMemory, mode: shipped.LockMode, mends: boolean, times = 1): Process {
  const once = useOnce(SharedLock, mode, mends);
  return (tools) => {
    for (let time = 0; time < times; time++) once(tools, time);
  };
}

function useOnce(SharedLock: SharedMemory['SharedLock'], mode: shipped.LockMode, mends: boolean) {
  return ({ chunk, number, note }: Tools, time: number): void => {
    const held = SharedLock.attach(chunk).acquireBlocking(mode);
    note(`enter ${time} ${held.ownerDied}`, (notes, dead) => {
      for (const [other, what] of Object.entries(notes)) {
        if (what !== 'exclusive' && !(what === 'shared' && mode === 'exclusive')) continue;
        if (!dead.includes(Number(other))) must(false, 'two hold it');
        else must(what === 'shared' || held.ownerDied, 'nobody is told that it is torn');
      }
      notes[number] = mode;
    });
    if (held.ownerDied && mends) held.markConsistent();
    note(`leave ${time} ${held.ownerDied}`, (notes, dead) => {
      notes[number] = `through ${time}`;
      if (mode === 'exclusive' && mends) for (const one of dead) notes[one] = 'mended';
    });
    held.release();
  };
}

function problemAtEnd(_: Notes, { words, dead }: Memory): string | undefined {
  for (const index of [OWNER, SLOT]) {
    const number = Math.abs(words[index] ?? 0);
    if (number !== 0 && number !== 2 ** 31 && !dead.includes(number)) return `member ${number} has it for ever`;
  }
  return undefined;
}

/** What it knows where it sleeps: what it has in the memory. */
function view({ words, notes }: Memory, number: number): string {
  const own = [DRAINER, SLOT, ...STANDS].map((index) => (Math.abs(words[index] ?? 0) === number ? words[index] : 0));
  return `${notes[number]} ${Math.abs(words[OWNER] ?? 0) === number} ${own.join()}`;
}

function check(
  code: SharedMemory,
  processes: Readonly<Record<string, Process>>,
  more: Partial<StepwiseModel>,
): Exploration {
  return exploreStepwise({
    sizeBytes: code.SharedLock.sizeFor(options),
    prepare: (chunk) => {
      code.SharedLock.create(chunk, options);
      chunk.words.store(SLOTS_MARK, options.maxShared);
      chunk.words.store(WRITERS_MARK, options.maxWaiters);
    },
    quiet: [0, 1, 2, 3, SLOTS_MARK, WRITERS_MARK, ...STANDS.map((stand) => stand + 1)],
    tickets: TICKETS,
    view,
    processes,
    atEnd: problemAtEnd,
    ...more,
  });
}

const writer = (code: SharedMemory) => user(code, 'exclusive', false);
const mender = (code: SharedMemory) => user(code, 'exclusive', true);
const reader = (code: SharedMemory) => user(code, 'shared', false);

const scenarios = {
  writers: (code) => check(code, { writer: writer(code), mender: mender(code) }, { mortal: ['writer'] }),
  writerDies: (code) => check(code, { writer: writer(code), reader: reader(code) }, { mortal: ['writer'] }),
  readerDies: (code) => check(code, { writer: writer(code), reader: reader(code) }, { mortal: ['reader'] }),
  twice: (code) =>
    check(code, { twice: user(code, 'exclusive', false, 2), reader: reader(code) }, { interruptions: 4 }),
  three: (code) =>
    check(code, { writer: writer(code), mender: mender(code), reader: reader(code) }, { interruptions: 2 }),
  threeAndDeath: (code) =>
    check(
      code,
      { writer: writer(code), mender: mender(code), reader: reader(code) },
      { mortal: ['writer'], interruptions: 1 },
    ),
} satisfies Record<string, Scenario>;

test('no two hold a lock that should not, nobody waits for ever, and every death inside is told to the next, whenever it comes', (t) => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    const { states, problem, way } = scenario(shipped);
    t.diagnostic(`${name}: ${states} states`);
    assert.deepEqual({ problem, way }, { problem: undefined, way: undefined });
  }
});

testMistakes({
  'a reader looks at the owner before it writes its slot': {
    scenario: scenarios.writerDies,
    file: 'lockWaits',
    from: 'const slot = this.#slot ?? slots.take();',
    to: 'const slot = this.#slot ?? (owner.owner === 0 ? this.#done(slots.take()) : slots.take()); if (this.#isDone) return slot;',
  },
  'who gives it back wakes the others before it is free': {
    scenario: scenarios.writers,
    file: 'lockWaits',
    from: 'slots.giveShares();',
    to: 'slots.giveShares(); writers.wakeAll = ((wakeAll) => (wakeAll.call(writers), () => {}))(writers.wakeAll);',
  },
  'a reader that draws back tells nobody': {
    scenario: scenarios.writerDies,
    file: 'lockWaits',
    from: 'drainer.wake();\n                this.#isWaiting',
    to: 'this.#isWaiting',
  },
  'one that gets the word just before it sleeps sleeps where nobody rings': {
    scenario: scenarios.three,
    file: 'lockWaits',
    from: 'if (this.#isThorough)\n                this.#sleepAsDrainer();',
    to: '',
  },
  'a reader that was passed over does not say again that it sleeps': {
    scenario: scenarios.twice,
    file: 'lockWaits',
    from: 'if (this.#isThorough)\n                    slots.sleep();',
    to: '',
  },
  'what a dead owner left is taken for well': {
    scenario: scenarios.writers,
    file: 'ownerWord',
    from: 'this.#change(dead, -this.#number)',
    to: 'this.#change(dead, this.#number)',
  },
});
