/**
 * What is told of a failure: the parts that describeFailure.ts puts together, and whom they are about. Whoever gives
 * advice says what happened, where, and what to change, each for itself, so that all of them read alike.
 */
import type { Job } from '../job.js';

/** Who failed. */
export interface Subject {
  /** As the person knows it: what was typed, or a name and a handle. */
  readonly title: string;
  /** What this command wanted to start; null where another one did. */
  readonly job: Job | null;
  /** Its postmaster is this command's own, so what it printed has been seen already. */
  readonly isHere: boolean;
}

export interface Advice {
  /** Goes on where `could not be started:` ends, or behind the title. */
  readonly what: string;
  readonly lines: readonly string[];
  readonly hint: string | null;
}

export const AS_PROGRAM = 'a program, which has nothing to call, is run with --script';
