/**
 * The table of one worker: rows of type `delta`, which anybody adds, and one of type `total`, into which the worker folds
 * them. SQLite has no schemas, so PostgreSQL's schema4.counted is schema4_counted here.
 */
import { inTransaction } from './database.js';

export function openCounted(database, index) {
  const name = `schema${index}_counted`;
  database.exec(`
    create table if not exists ${name} (
      type text not null check (type in ('total', 'delta')),
      value integer not null
    ) strict;
    create unique index if not exists ${name}_unique_total on ${name} (type) where type = 'total';
  `);
  const anyDelta = database.prepare(`select 1 from ${name} where type = 'delta' limit 1`);
  const addDeltas = database.prepare(`
    update ${name} set value = value + (select coalesce(sum(value), 0) from ${name} where type = 'delta')
    where type = 'total' returning value
  `);
  const removeDeltas = database.prepare(`delete from ${name} where type = 'delta'`);

  /** Gives the new total, and how many deltas went into it; null when there was none, or when there is no total yet. */
  function fold() {
    // A round without work only reads, and so keeps nobody waiting.
    if (anyDelta.all().length === 0) return null;
    return inTransaction(database, () => {
      const [total] = addDeltas.all();
      return total === undefined ? null : { total: total.value, deltas: removeDeltas.run().changes };
    });
  }

  return { name, fold };
}
