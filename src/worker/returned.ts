/**
 * What happens when a worker's function has returned: its value becomes the result, and what it left open is named.
 * A worker that returned is done (D7): servers, sockets and child processes that are still there end with the process,
 * as the backend's do in PostgreSQL, and the log says so, since it is seldom meant.
 */
import { serialize } from 'node:v8';
import type { WorkerResult } from '../core/index.js';
import type { Log } from './log.js';

/** Null for undefined: there is nothing to give. */
export async function serializeResult(value: unknown): Promise<WorkerResult | null> {
  if (value === undefined) return null;
  const bytes = trySerializeSimple(value);
  if (bytes !== undefined) return { state: 'bytes', bytes };
  const { serializeResultChecked } = await import('./resultGate.js');
  return serializeResultChecked(value);
}

const MAX_SIMPLE_DEPTH = 4;
const MAX_SIMPLE_ENTRIES = 100;
/** Surely under the limit for results, which need not be loaded then. */
const SIMPLE_BYTES = 64 * 1024;

function trySerializeSimple(value: unknown): Uint8Array | undefined {
  try {
    if (!isSimple(value, MAX_SIMPLE_DEPTH)) return undefined;
    const bytes = serialize(value);
    return bytes.byteLength <= SIMPLE_BYTES ? bytes : undefined;
  } catch {
    // A proxy, a getter that throws: the gate will say which.
    return undefined;
  }
}

/** What `v8.serialize` carries whole beyond doubt: most results. The rest is looked at by the gate of protocol/values.ts. */
function isSimple(value: unknown, depth: number): boolean {
  if (typeof value !== 'object') return typeof value !== 'function' && typeof value !== 'symbol';
  if (value === null) return true;
  if (depth === 0) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== Array.prototype) return false;
  const entries = Object.values(value);
  return entries.length <= MAX_SIMPLE_ENTRIES && entries.every((entry) => isSimple(entry, depth - 1));
}

const NAMES: { readonly [resource: string]: string } = {
  TCPServerWrap: 'TCP server',
  PipeServerWrap: 'pipe server',
  TCPSocketWrap: 'TCP socket',
  PipeWrap: 'pipe',
  UDPWrap: 'UDP socket',
  ProcessWrap: 'child process',
  Worker: 'thread',
};

export interface Leftovers {
  readonly log: () => Log;
  /** Pipes that the worker did not open itself: its output, its client's connection. */
  readonly countPipesOfOurs: () => number;
  /** In its channel. */
  readonly unsentMessages: number;
  readonly before: Before;
}

/** What a process had open, its own output included, and how many pipes of that were ours, when its job came. */
export interface Before {
  readonly open: readonly string[];
  readonly pipesOfOurs: number;
}

/**
 * What a spare has preloaded keeps open is nothing that the worker left. What was closed a moment ago, as a server whose
 * `close` event has come, is still listed until the event loop has come round: so whatever seems open is looked at twice.
 */
export async function warnOfLeftovers({ log, countPipesOfOurs, unsentMessages, before }: Leftovers): Promise<void> {
  let open = listOpen(before, countPipesOfOurs());
  if (open.length > 0) {
    await oneTurn();
    open = listOpen(before, countPipesOfOurs());
  }
  if (open.length > 0) log().warn('returned with something open, which ends with it', { open });
  if (unsentMessages > 0) {
    log().warn('returned before all messages were sent: await channel.send()', { unsent: unsentMessages });
  }
}

function listOpen(before: Before, pipesOfOurs: number): string[] {
  const counts = new Map<string, number>([['pipe', before.pipesOfOurs - pipesOfOurs]]);
  const count = (resources: readonly string[], by: 1 | -1): void => {
    for (const resource of resources) {
      const name = NAMES[resource];
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + by);
    }
  };
  count(process.getActiveResourcesInfo(), 1);
  count(before.open, -1);
  return [...counts]
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${number} ${name}${number > 1 ? 's' : ''}`);
}

/** What closes does so behind the immediates of a turn: behind the second of them it is done. */
function oneTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
