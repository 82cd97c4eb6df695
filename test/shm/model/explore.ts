/**
 * A small model checker: all interleavings of a few processes that share memory, each process a table of small steps.
 *
 * A step does what a processor does at once: one operation on a shared word, or a part of a copy. It changes the state
 * and names the step that follows: `END` when the process is through, `BLOCKED` when it must sleep (then nothing may
 * have been changed; the same step is tried again when others have moved), several names when any of them may be next.
 * A process begins at its first step. Those that are `mortal` can also die before any of their steps.
 *
 * All operations on words are seen in one order (src/shm/words.ts), so interleaving them is all there is. Plain bytes
 * have no such order, so they are never to be read while they are written: they are cells (cell.ts), which find that out.
 *
 * Problems: what a step throws or `always` says; nobody can move, and somebody has not ended (asleep for ever: a lost
 * wake-up or a deadlock); nobody can reach an end any more; and what `atEnd` says. The first one is given with the
 * shortest way that leads to it. The state must be plain data; what is local to a process is a part of it.
 */

export const END = 'end';
export const BLOCKED = 'blocked';
export const DEAD = 'dead';

export type Step<State> = (state: State) => string | readonly string[];
export type Program<State> = Readonly<Record<string, Step<State>>>;

/** At which step each process is: a name in its program, `END` or `DEAD`. */
export type Positions = Readonly<Record<string, string>>;

export interface Model<State> {
  readonly start: State;
  readonly programs: Readonly<Record<string, Program<State>>>;
  /** Those of the processes that can be killed. */
  readonly mortal?: readonly string[];
  /** False when it is not its turn: only some of the interleavings are wanted. It must not change the state. */
  readonly mayMove?: (state: State, name: string) => boolean;
  /** What the system does when one is killed: closes its descriptors, wakes who watches it. */
  readonly died?: (state: State, name: string) => void;
  /** What is wrong with a state, if anything. */
  readonly always?: (state: State, at: Positions) => string | undefined;
  /** What is wrong with a state in which all have ended or died, if anything. */
  readonly atEnd?: (state: State, at: Positions) => string | undefined;
}

export interface Exploration {
  readonly states: number;
  readonly ends: number;
  readonly problem?: string;
  /** The steps that lead there: `sender.publish`. */
  readonly way?: readonly string[];
}

interface Node {
  readonly at: Positions;
  readonly state: string;
  /** The shortest way to it comes from there, by this step. */
  readonly from: Node | undefined;
  readonly by: string;
  /** All from which it is reached by a step, and not by a death: nobody may count on being killed. */
  readonly before: Node[];
}

type Reach<State> = (at: Positions, state: State, by: string, from?: Node) => Node;

const MOST_STATES = 2_000_000;

export function explore<State>(model: Model<State>): Exploration {
  const found = new Map<string, Node>();
  const queue: Node[] = [];
  const ends: Node[] = [];
  const reach: Reach<State> = (at, state, by, from) => {
    const text = JSON.stringify(state);
    const key = `${Object.values(at).join()} ${text}`;
    const known = found.get(key);
    if (known !== undefined) return known;
    const node: Node = { at, state: text, from, by, before: [] };
    found.set(key, node);
    queue.push(node);
    const wrong = model.always?.(state, at);
    if (wrong !== undefined) throw new Found(wrong, node);
    return node;
  };
  try {
    const first = Object.entries(model.programs).map(([name, program]) => [name, Object.keys(program)[0] ?? END]);
    reach(Object.fromEntries(first) as Positions, model.start, 'start');
    for (let index = 0; index < queue.length; index++) {
      if (queue.length > MOST_STATES) throw new Error('too many states: make the model smaller');
      const node = queue[index] as Node;
      const left = Object.entries(node.at).filter(([, step]) => step !== END && step !== DEAD);
      const seen = model.mayMove === undefined ? undefined : (JSON.parse(node.state) as State);
      const isTurn = (name: string): boolean => seen === undefined || (model.mayMove?.(seen, name) ?? true);
      const moves = left.filter(([name, step]) => move(model, node, name, isTurn(name) ? step : undefined, reach));
      if (left.length === 0) {
        ends.push(node);
        const wrong = model.atEnd?.(JSON.parse(node.state) as State, node.at);
        if (wrong !== undefined) throw new Found(wrong, node);
      } else if (moves.length === 0) {
        throw new Found(`asleep for ever: ${left.map((one) => one.join(' at ')).join(', ')}`, node);
      }
    }
    const stuck = withoutEnd(queue, ends);
    if (stuck !== undefined) throw new Found('no end can be reached any more', stuck);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
    return { states: queue.length, ends: ends.length, problem: error.message, way: wayTo(error.node) };
  }
  return { states: queue.length, ends: ends.length };
}

/** Takes the step, if there is one, in every way it can go. False when it can only sleep. */
function move<State>(
  model: Model<State>,
  node: Node,
  name: string,
  step: string | undefined,
  reach: Reach<State>,
): boolean {
  if (model.mortal?.includes(name)) {
    const state = JSON.parse(node.state) as State;
    model.died?.(state, name);
    reach({ ...node.at, [name]: DEAD }, state, `${name} dies`, node);
  }
  if (step === undefined) return false;
  const state = JSON.parse(node.state) as State;
  const by = `${name}.${step}`;
  const next = run(node, by, () => model.programs[name]?.[step]?.(state));
  if (next === BLOCKED) {
    if (JSON.stringify(state) !== node.state) throw new Error(`${by} changes something and is blocked`);
    return false;
  }
  for (const one of [next].flat()) reach({ ...node.at, [name]: one }, state, by, node).before.push(node);
  return true;
}

function run(node: Node, by: string, step: () => string | readonly string[] | undefined): string | readonly string[] {
  try {
    const next = step();
    if (next === undefined) throw new Error(`there is no step ${by}`);
    return next;
  } catch (error) {
    throw error instanceof Violation ? new Found(`${by}: ${error.message}`, node) : error;
  }
}

function withoutEnd(nodes: readonly Node[], ends: readonly Node[]): Node | undefined {
  const good = new Set(ends);
  for (const node of good) for (const before of node.before) good.add(before);
  return nodes.find((node) => !good.has(node));
}

function wayTo(node: Node | undefined): readonly string[] {
  return node?.from === undefined ? [] : [...wayTo(node.from), node.by];
}

class Found extends Error {
  readonly node: Node;

  constructor(problem: string, node: Node) {
    super(problem);
    this.node = node;
  }
}

/** Thrown by a step that has found something wrong. */
export class Violation extends Error {}
