/**
 * What a plan gave, as an iterator, whether it computes its rows at once or awaits something in between. Whoever runs a plan
 * has to know which: between two rows of the one nothing else happens in the process, between two of the other all may.
 */
import { BgworkerError } from '../base/index.js';

/** What the function of a plan gives. */
export type PlanRows<Row> = Iterable<Row> | AsyncIterable<Row>;

/** The same, ready to be asked. */
export type PlanIterator<Row> =
  | { readonly isAsync: false; readonly iterator: Iterator<Row> }
  | { readonly isAsync: true; readonly iterator: AsyncIterator<Row> };

/** Throws `ERR_NO_ROWS` for what is no plan's. */
export function iteratePlan<Row>(rows: PlanRows<Row>): PlanIterator<Row> {
  const given: unknown = rows;
  if (typeof given === 'object' && given !== null) {
    if (Symbol.asyncIterator in rows) return { isAsync: true, iterator: rows[Symbol.asyncIterator]() };
    if (Symbol.iterator in rows) return { isAsync: false, iterator: rows[Symbol.iterator]() };
  }
  throw new BgworkerError('ERR_NO_ROWS', 'the plan gave nothing to iterate over', {
    detail: `it gave ${given === null ? 'null' : typeof given === 'object' ? 'an object without an iterator' : `a value of type ${typeof given}`}`,
    hint: 'make its function a generator: function* or async function*; or let it return an array',
  });
}
