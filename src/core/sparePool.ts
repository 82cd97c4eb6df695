/**
 * What is known of the spares: processes that have booted and have no job. When one is made, given a job or ended is
 * decided in spares.ts.
 */
export interface Spares {
  /** Numbers are never used twice. */
  readonly next: number;
  /** In the order in which they were made. */
  readonly pool: readonly Spare[];
  /** Until then they are wanted: the instant and `spareIdleMs` of the last start that one could have served. */
  readonly wantedUntil: number;
  /** Since when there are fewer than there should be; Infinity while there are enough. */
  readonly shortSince: number;
  /** None is made before. */
  readonly notBefore: number;
  /** Spares that died by themselves since one took a job. */
  readonly deaths: number;
}

export interface Spare {
  readonly spare: number;
  readonly pid: number | null;
  /** `starting`: the order was given. `booting`: there is a process. `leaving`: its end was ordered. */
  readonly state: 'starting' | 'booting' | 'idle' | 'leaving';
  readonly madeAt: number;
}

export const NEVER_WANTED = Number.NEGATIVE_INFINITY;

export const NO_SPARES: Spares = {
  next: 1,
  pool: [],
  wantedUntil: NEVER_WANTED,
  shortSince: Number.POSITIVE_INFINITY,
  notBefore: Number.NEGATIVE_INFINITY,
  deaths: 0,
};
