/**
 * Events for people: a line for each start and death, with the time, the worker, and what became of it. A step that
 * changes nothing of that is left out, and what was missed is never.
 */
import type { WorkerEvent } from '../client/index.js';
import { explainStop } from '../client/index.js';
import { day, timeOfDay } from './moment.js';
import { clean } from './table.js';

export class EventLines {
  /** The day is said when it is another one than before. */
  #lastDay: string;
  readonly #last = new Map<string, string>();

  constructor(today = new Date()) {
    this.#lastDay = day(today);
  }

  of(event: WorkerEvent): string[] {
    const { at, handle, name, missed, final } = event;
    const what = describe(event);
    if (this.#last.get(handle) === what && missed === 0 && !final) return [];
    if (final) this.#last.delete(handle);
    else this.#last.set(handle, what);
    const lines = day(at) === this.#lastDay ? [] : [day(at)];
    this.#lastDay = day(at);
    const who = `${timeOfDay(at)}  ${handle}  ${name}`;
    if (missed > 0) lines.push(`${who}: ${missed} events were missed`);
    return [...lines, `${who}: ${what}`].map(clean);
  }
}

function describe({ status, phase, pid, reason, final, willRestart, retryAt }: WorkerEvent): string {
  if (status === 'started') return phase === 'ready' ? `ready, process ${pid}` : `started, process ${pid}`;
  if (phase !== null) return `starting, process ${pid}`;
  if (reason === null) return 'registered';
  const { what } = explainStop(reason);
  if (final || !willRestart) return what;
  return `${what}; ${retryAt === null ? 'is started again' : `is started again at ${timeOfDay(retryAt)}`}`;
}
