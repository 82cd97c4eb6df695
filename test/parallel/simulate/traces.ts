/**
 * What runs could leave behind, looked at when none is under way: workers and segments at the postmaster; timers,
 * listeners and descriptors in this process.
 */
import { listSegments } from '../../../src/dsm/index.js';
import type { Client } from '../../../src/index.js';
import { openDescriptors } from '../../process/support/processes.js';

export interface Traces {
  readonly timers: number;
  readonly listeners: number;
  readonly descriptors: number;
}

export function readTraces(): Traces {
  return {
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    listeners: process.eventNames().reduce((sum, event) => sum + process.listenerCount(event), 0),
    descriptors: openDescriptors(process.pid),
  };
}

export function mostOf(one: Traces, other: Traces): Traces {
  return {
    timers: Math.max(one.timers, other.timers),
    listeners: Math.max(one.listeners, other.listeners),
    descriptors: Math.max(one.descriptors, other.descriptors),
  };
}

/** The doorbells of so many who are gone may still be open: nobody tells of the end of those with whom one shares nothing. */
const MANY_PEERS = 32;

/** Gives what there is more than before, and than may be. */
export function whatGrew(before: Traces, after: Traces): string[] {
  const mayGrowBy = { timers: 0, listeners: 0, descriptors: MANY_PEERS } as const;
  const names = ['timers', 'listeners', 'descriptors'] as const;
  return names.flatMap((name) =>
    after[name] > before[name] + mayGrowBy[name] ? [`${name} grew from ${before[name]} to ${after[name]}`] : [],
  );
}

/** Workers of a run that is over, or of any. */
export async function workersLeft(client: Client, ofRun?: string): Promise<string[]> {
  const all = await client.activity();
  const left = all.filter(({ name }) => ofRun === undefined || name === ofRun);
  return left.map(
    ({ name, pid, state }) => `${name} is left: ${pid === null ? 'no process' : `process ${pid}`}, ${state}`,
  );
}

export async function segmentsLeft(client: Client): Promise<string[]> {
  return (await listSegments({ client })).map((segment) => `a segment is left: ${JSON.stringify(segment)}`);
}
