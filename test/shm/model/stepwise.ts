/**
 * The code that ships, in the model checker: each operation on shared memory is one step of a process.
 *
 * A process is an ordinary function that works on a chunk, synchronously. To take its next step it is run again from the
 * beginning: what its operations gave before is given again, the next one is done on the state, and at the one after
 * that it is stopped, by an exception that nothing there catches. So the function must do nothing but that: no time, no
 * chance, no memory of its own outside of it.
 *
 * The member is a model: its rings, and its waits, which are the loop of member.ts. All hear of a death at once; the
 * state says who is dead, and whoever asks is told.
 */
import type { Chunk, Member, Place } from '../../../src/shm/index.js';
import type { Exploration, Model, Program } from './explore.js';
import { BLOCKED, END, explore, Violation } from './explore.js';

/** What the test says of each member. */
export type Notes = Record<string, string>;

export interface Memory {
  readonly words: number[];
  /** Those that were written. */
  readonly longs: Record<number, string>;
  /** By member; 1 when its doorbell was rung. */
  readonly rings: number[];
  readonly dead: number[];
  /** What the operations of each process have given. */
  readonly logs: Record<string, unknown[]>;
  /** For the test: what must hold is said in these. */
  readonly notes: Notes;
  /** With limited interruptions: the member that has moved last, whether it is about to sleep, and how often it was not that one's turn. */
  running: number;
  isAboutToSleep: boolean;
  interruptions: number;
}

export interface Tools {
  readonly chunk: Chunk;
  /** Our own, and the key of our notes. */
  readonly number: number;
  /** One step that does something to what the test says in notes. The name tells what else the process knows. */
  note(name: string, change: (notes: Notes, dead: readonly number[]) => void): void;
}

export interface StepwiseModel {
  readonly sizeBytes: number;
  /** Words that stay as they were prepared, or whose values do not matter: looking at them is no step. */
  readonly quiet?: readonly number[];
  /** A word from which each gets numbers in a row, which need only differ: each gets its own number. */
  readonly tickets?: number;
  /**
   * All that a process knows when it is about to sleep, or about to `note`, as it can be read from the memory: then what
   * came before does not matter any more, and there are fewer states.
   */
  readonly view?: (memory: Memory, number: number) => string;
  /** Makes what is in the chunk, before anybody begins. */
  readonly prepare: (chunk: Chunk) => void;
  readonly notes?: Notes;
  /** Their members have the numbers 1, 2, … in this order. */
  readonly processes: Readonly<Record<string, (tools: Tools) => void>>;
  /** The model begins when all have come to a note that begins so, one after the other. Default: when they have done nothing. */
  readonly from?: string;
  readonly mortal?: readonly string[];
  /**
   * So often at most a process that could go on is interrupted by another; what is wrong with such programs shows with
   * two or three. Default: as often as can be.
   */
  readonly interruptions?: number;
  readonly always?: (notes: Notes, memory: Memory) => string | undefined;
  readonly atEnd?: (notes: Notes, memory: Memory) => string | undefined;
}

/** Thrown when a process has done its step; made once, since that is often. */
const pause = new Error('a step is done');
const asleep = new Error('asleep');

/** One step: what it is called on the way to a problem, and what it does. Without a name it is none. */
type Operate = <T>(name: string | undefined, operation: (memory: Memory) => T) => T;

/** Where a process begins. Its other steps are named by what they do. */
const FIRST = 'begin';

interface Prepared extends StepwiseModel {
  /** A log that has led to what one knows, by that. */
  readonly same: Map<string, unknown[]>;
}

/** What must hold in a place of the code. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Violation(what);
}

export function exploreStepwise(given: StepwiseModel): Exploration {
  const model: Prepared = { ...given, same: new Map() };
  const names = Object.keys(model.processes);
  const start: Memory = {
    words: new Array<number>(model.sizeBytes / 4).fill(0),
    longs: {},
    rings: [0, ...names.map(() => 0)],
    dead: [],
    logs: Object.fromEntries(names.map((name) => [name, []])),
    notes: model.notes ?? {},
    running: 0,
    isAboutToSleep: false,
    interruptions: 0,
  };
  model.prepare(chunkOver(0, {}, (_, operation) => operation(start)));
  for (const [index, name] of names.entries()) {
    const isThere = (label: string) => label.startsWith(`note ${given.from}`);
    while (given.from !== undefined && !isThere(takeStep(model, start, name, index + 1)));
  }
  const programs = Object.fromEntries(
    names.map((name, index) => [
      name,
      new Proxy<Program<Memory>>(
        { [FIRST]: () => END },
        {
          get: () => (memory: Memory) => turn(model, memory, name, index + 1),
        },
      ),
    ]),
  );
  const whole: Model<Memory> = {
    start,
    programs,
    ...(model.interruptions === undefined ? {} : { mayMove: mayMove(names, model.interruptions) }),
    ...(model.mortal === undefined ? {} : { mortal: model.mortal }),
    died: (memory, name) => {
      const dead = names.indexOf(name) + 1;
      memory.dead.push(dead);
      memory.logs[name] = [];
      if (memory.running === dead) memory.running = 0;
      for (const number of memory.rings.keys()) memory.rings[number] = memory.dead.includes(number) ? 0 : 1;
    },
    always: (memory) => model.always?.(memory.notes, memory),
    atEnd: (memory) => model.atEnd?.(memory.notes, memory),
  };
  return explore(whole);
}

function mayMove(names: readonly string[], limit: number): (memory: Memory, name: string) => boolean {
  return (memory, name) => memory.interruptions < limit || !interrupts(memory, names.indexOf(name) + 1);
}

/** Whether it is another's turn, who could go on. */
function interrupts({ running, isAboutToSleep, rings }: Memory, number: number): boolean {
  return running !== 0 && running !== number && !(isAboutToSleep && rings[running] === 0);
}

function turn(model: Prepared, memory: Memory, name: string, number: number): string {
  const isInterruption = interrupts(memory, number);
  const next = takeStep(model, memory, name, number);
  if (next === BLOCKED || model.interruptions === undefined) return next;
  memory.running = next === END ? 0 : number;
  memory.isAboutToSleep = next === 'sleep';
  if (isInterruption) memory.interruptions += 1;
  return next;
}

function takeStep(
  { processes, quiet = [], tickets, view, same }: Prepared,
  memory: Memory,
  name: string,
  number: number,
): string {
  const log = memory.logs[name] as unknown[];
  let next = 0;
  let hasMoved = false;
  let isOver = false;
  let problem: unknown;
  let label = '';
  const operate = (name: string | undefined, operation: (memory: Memory) => unknown): unknown => {
    if (isOver) throw pause;
    if (next < log.length) {
      next += 1;
      return log[next - 1];
    }
    if (name !== undefined) {
      isOver = hasMoved;
      label = name;
      if (isOver) throw pause;
      hasMoved = true;
    }
    try {
      const given = operation(memory) ?? null;
      log.push(given);
      next += 1;
      return given;
    } catch (error) {
      isOver = true;
      problem = error;
      throw error;
    }
  };
  const chunk = chunkOver(number, { quiet, tickets }, operate as Operate);
  try {
    processes[name]?.({
      chunk,
      number,
      note: (name, change) => (operate as Operate)(`note ${name}`, ({ notes, dead }) => change(notes, dead)),
    });
  } catch (error) {
    // On its way through the code it may have been replaced by a pause.
    if (problem === asleep) return BLOCKED;
    if (problem !== undefined) throw problem;
    if (error !== pause) throw error;
    if (view !== undefined && (label === 'sleep' || label.startsWith('note'))) {
      const known = `${name} ${label} ${view(memory, number)}`;
      memory.logs[name] = same.get(known) ?? log;
      same.set(known, memory.logs[name]);
    }
    return label;
  }
  memory.logs[name] = [];
  return END;
}

function chunkOver(
  number: number,
  { quiet = [], tickets }: { readonly quiet?: readonly number[]; readonly tickets?: number | undefined },
  operate: Operate,
): Chunk {
  const name = (index: number, text: string) => (quiet.includes(index) ? undefined : text);
  const words = {
    count: Number.POSITIVE_INFINITY,
    load: (index: number) => operate(name(index, `load ${index}`), (memory) => memory.words[index]),
    store: (index: number, value: number) =>
      void operate(name(index, `store ${index} ${value}`), (memory) => set(memory.words, index, value)),
    exchange: (index: number, value: number) =>
      operate(name(index, `exchange ${index} ${value}`), (memory) => set(memory.words, index, value)),
    add: (index: number, value: number) =>
      index === tickets
        ? number
        : operate(name(index, `add ${index} ${value}`), (memory) =>
            set(memory.words, index, (memory.words[index] ?? 0) + value),
          ),
    compareExchange: (index: number, expected: number, value: number) =>
      operate(name(index, `change ${index} ${expected} ${value}`), ({ words }) =>
        words[index] === expected ? set(words, index, value) : words[index],
      ),
  };
  const longWords = {
    load: (index: number) => BigInt(operate(`load long ${index}`, (memory) => memory.longs[index]) ?? 0),
    store: (index: number, value: bigint) =>
      void operate(`store long ${index}`, (memory) => set(memory.longs, index, String(value))),
    compareExchange: (index: number, expected: bigint, value: bigint) =>
      BigInt(
        operate(`change long ${index}`, ({ longs }) =>
          (longs[index] ?? '0') === String(expected) ? set(longs, index, String(value)) : longs[index],
        ) ?? 0,
      ),
  };
  const member = memberOver(number, operate);
  const segment = {
    member,
    isAttached: true,
    name: 'model',
    checkAttached: () => {},
    onDetach: () => () => {},
    busy: new Set(),
  };
  const chunk = { segment, member, words, longWords, offsetBytes: 0, sizeBytes: Number.MAX_SAFE_INTEGER };
  return chunk as unknown as Chunk;
}

function set<T>(array: T[] | Record<number, T>, index: number, value: T): T {
  const before = array[index] as T;
  array[index] = value;
  return before;
}

function memberOver(number: number, operate: Operate): Member {
  const member = {
    number,
    isGone: (other: number) => operate(`gone ${other}`, ({ dead }) => dead.includes(other)),
    wake: (other: number) =>
      operate(`wake ${other}`, ({ dead, rings }) => {
        if (dead.includes(other)) return false;
        rings[other] = 1;
        return true;
      }),
    waitBlocking: <T>(place: Place<T>): T => {
      try {
        for (let found = place.look(); ; ) {
          if (found !== undefined) return found;
          place.sleep();
          found = place.look();
          if (found !== undefined) return found;
          operate('sleep', ({ rings }) => {
            if (rings[number] === 0) throw asleep;
            rings[number] = 0;
          });
        }
      } finally {
        place.rise();
      }
    },
  };
  return member as unknown as Member;
}
