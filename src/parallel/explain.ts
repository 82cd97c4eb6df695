/**
 * What a parallel run can tell of itself: how many workers were planned and launched, and why fewer; what each
 * participant did and how long it waited. Plain data, and its text in the form of PostgreSQL's EXPLAIN ANALYZE.
 */

/** How far a run is, over all participants together. */
export interface Progress {
  /** In the unit of whoever reports it: items, blocks, bytes. */
  readonly done: number;
  /** Null when nobody knows. */
  readonly total: number | null;
}

/** What one participant did. */
export interface ParticipantReport {
  /** From 0; -1 is the leader. */
  readonly number: number;
  /** Of its process; null when it never had one. */
  readonly pid: number | null;
  /** Rows, items or calls that came from it. */
  readonly rows: number;
  /** How long it was at work, waiting included, in milliseconds. */
  readonly runMs: number;
  /** Of that, how long it waited for room or for work. */
  readonly waitMs: number;
  /** What it sent to the leader; the leader sends nothing. */
  readonly bytes: number;
}

/** What a run can tell of itself, while it goes on and when it is over. */
export interface Explanation {
  /** What it is: `Gather`, `Gather Merge`, `Parallel Map`, `Parallel Reduce`. */
  readonly node: string;
  /** How many were wanted. */
  readonly workersPlanned: number;
  /** How many there were. */
  readonly workersLaunched: number;
  /** Why fewer were launched than planned; null when it was not so. */
  readonly whyFewer: string | null;
  /** Since it began, in milliseconds. */
  readonly elapsedMs: number;
  /** What the caller was given. */
  readonly rows: number;
  /** The leader first, if it took part. */
  readonly participants: readonly ParticipantReport[];
}

/** An explanation as text, a line for each participant, in the form of PostgreSQL's EXPLAIN ANALYZE. */
export function formatExplanation({ node, rows, elapsedMs, ...rest }: Explanation): string {
  const { workersPlanned, workersLaunched, whyFewer, participants } = rest;
  return [
    `${node}  (actual rows=${rows} time=${milliseconds(elapsedMs)})`,
    `  Workers Planned: ${workersPlanned}`,
    `  Workers Launched: ${workersLaunched}${whyFewer === null ? '' : `  (${whyFewer})`}`,
    ...participants.map((participant) => `  ${formatParticipant(participant)}`),
  ].join('\n');
}

function formatParticipant({ number, pid, rows, runMs, waitMs, bytes }: ParticipantReport): string {
  const who = number === -1 ? 'Leader' : `Worker ${number}`;
  const sent = number === -1 ? '' : `  sent=${bytes} bytes`;
  return `${who}: pid=${pid ?? 'none'}  rows=${rows}  time=${milliseconds(runMs)}  waited=${milliseconds(waitMs)}${sent}`;
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(3)} ms`;
}
