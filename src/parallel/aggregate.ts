/**
 * An aggregate: how many values become one, in stretches that are worked on apart from each other and put together then.
 * PostgreSQL: an aggregate with a combine function. `accumulate` is its transition function and runs in the workers;
 * `combine` and `finalize` are for the leader, and a state travels between the two as bytes (R-AG-1, R-AG-2).
 *
 * It is a worker value too: what a process calls makes one state of a list of items.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerValue } from '../protocol/index.js';
import type { OwnModule, WorkerContext } from '../worker/index.js';
import { defineWorker } from '../worker/index.js';

/** The functions of an aggregate. */
export interface AggregateDefinition<Item, State, Result> {
  /** The state that stands for no items. */
  readonly initial: () => State;
  /** The state with one item more. It may change the one it is given, and give it back. */
  readonly accumulate: (state: State, item: Item, ctx: WorkerContext) => State | Promise<State>;
  /**
   * The state of the items of both: those of the first stand before those of the second. It must be associative, and need
   * not be commutative.
   */
  readonly combine: (first: State, second: State) => State;
  /** The result. Default: the state. */
  readonly finalize?: ((state: State) => Result) | undefined;
}

/** An aggregate as a value, for `parallelReduce`. */
export interface Aggregate<Item, State, Result> extends WorkerValue<readonly Item[], State> {
  /** For the leader. */
  readonly aggregate: {
    /** The state of no items. */
    readonly initial: () => State;
    /** The state of both together. */
    readonly combine: (first: State, second: State) => State;
    /** What becomes of the last state. */
    readonly finalize: (state: State) => Result;
  };
}

/**
 * Makes an aggregate of its functions, which `parallelReduce` takes. It must be exported by the module it is made in, like
 * a worker. Throws `ERR_INVALID_AGGREGATE` where a function is missing (R-AG-2).
 *
 *     export const mean = defineAggregate(import.meta, {
 *       initial: () => ({ count: 0, sum: 0 }),
 *       accumulate: ({ count, sum }, value: number) => ({ count: count + 1, sum: sum + value }),
 *       combine: (one, other) => ({ count: one.count + other.count, sum: one.sum + other.sum }),
 *       finalize: ({ count, sum }) => sum / count,
 *     });
 */
export function defineAggregate<Item, State, Result = State>(
  module: OwnModule,
  definition: AggregateDefinition<Item, State, Result>,
): Aggregate<Item, State, Result> {
  const { initial, accumulate, combine, finalize = (state: State) => state as unknown as Result } = definition;
  for (const [name, fn] of Object.entries({ initial, accumulate, combine, finalize })) {
    if (typeof fn === 'function') continue;
    throw new BgworkerError('ERR_INVALID_AGGREGATE', 'the aggregate lacks a function', {
      detail: `${name} is ${fn === null ? 'null' : typeof fn}`,
      hint: 'an aggregate has initial, accumulate and combine; without combine, what the workers found cannot be put together',
    });
  }
  const worker = defineWorker(module, async (ctx: WorkerContext, items: readonly Item[]): Promise<State> => {
    let state = initial();
    for (const item of items) {
      const next = accumulate(state, item, ctx);
      // Waiting for what is there already would take a turn for each item.
      state = isPromise(next) ? await next : next;
    }
    return state;
  });
  return Object.freeze({ ...worker, aggregate: Object.freeze({ initial, combine, finalize }) });
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && 'then' in value;
}
