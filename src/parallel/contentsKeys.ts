/**
 * The keys under which parallel work keeps its own things in a table of contents. Users have all other keys: numbers below
 * 0xffff0000, and every text.
 *
 * PostgreSQL: PARALLEL_KEY_ERROR_QUEUE and the others of parallel.c and execParallel.c, which begin at 0xFFFFFFFFFFFF0001.
 */
export const CONTENTS_KEYS = {
  /** One part with a queue for each planned worker, which leads from it to the leader. */
  errorQueues: 0xffff_0000,
  /** The same from the leader to the workers. */
  commandQueues: 0xffff_0001,
  /** One for each planned worker: its rows. */
  tupleQueues: 0xffff_0002,
  /** Of a parallel scan. */
  scan: 0xffff_0003,
} as const;
