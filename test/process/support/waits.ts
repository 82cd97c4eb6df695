/**
 * Every way in which a client can wait for something, all at once, so that a test can end the postmaster under them and
 * see that each was told. What had its answer before is none of the test's business.
 */
import type { BackgroundWorkerHandle, Client } from '../../../src/index.js';
import { BgworkerError, PostmasterDiedError } from '../../../src/index.js';
import { fixtureUrl } from './fixtures.js';

export interface Wait {
  readonly what: string;
  /** How it ended; undefined while it goes on. */
  ended?: { readonly at: number; readonly how: unknown };
}

/** Waits that stand until something happens to the worker or the client. */
export function waitForEverything(client: Client, handles: readonly BackgroundWorkerHandle[]): Wait[] {
  const waits: Wait[] = [];
  const start = startIn(waits);
  for (const handle of handles) {
    for (const until of ['forked', 'running', 'ready'] as const) {
      start(`waitForStartup ${until}`, handle.waitForStartup({ until }));
    }
    start('waitForShutdown', handle.waitForShutdown());
    start('waitForShutdown nextDeath', handle.waitForShutdown({ until: 'nextDeath' }));
    start('result', handle.result());
    start('iterator', lastOf(handle));
    start('channel', handle.channel.receive());
  }
  start('subscribe', lastOf(client.subscribe()));
  start('waitForClose', client.waitForClose());
  return waits;
}

/** Questions that a postmaster which is stopped cannot answer. */
export function askEverything(client: Client, handles: readonly BackgroundWorkerHandle[]): Wait[] {
  const waits: Wait[] = [];
  const start = startIn(waits);
  for (const handle of handles) {
    start('getPid', handle.getPid());
    start('terminate', handle.terminate());
    start('restart', handle.restart());
  }
  start('register', client.module(fixtureUrl('workers.mjs')).register('idle'));
  start('run', client.module(fixtureUrl('workers.mjs')).run('idle'));
  start('activity', client.activity());
  start('reload', client.reload({ finalWordsKept: 7 }));
  start(
    'shutdown',
    client.shutdown('fast').then(() => client.closed),
  );
  return waits;
}

/** Gives what is wrong with a wait that ended by the postmaster's death. `burst`: it may have said more before. */
export function whatIsWrong({ what, ended }: Wait, burst = false): string | undefined {
  if (ended === undefined) return `${what} has not ended`;
  const { how } = ended;
  if (burst && !(how instanceof Error)) return undefined;
  if (how instanceof PostmasterDiedError || how === 'postmasterDied') return undefined;
  if (typeof how === 'object' && how !== null && 'status' in how && how.status === 'postmasterDied') return undefined;
  // The postmaster is gone, so what was ordered is as good as done.
  if (what === 'terminate' && how === undefined) return undefined;
  // One client at a time has a worker's channel, and the others were just being told.
  if (how instanceof BgworkerError && how.code === 'ERR_CHANNEL_TAKEN') return undefined;
  // What was sent to a channel has all been received, and nothing more comes.
  if (what === 'channel' && typeof how === 'object' && how !== null && 'done' in how) return undefined;
  return `${what} ended with ${how instanceof Error ? how.stack : JSON.stringify(how)}`;
}

function startIn(waits: Wait[]): (what: string, promise: Promise<unknown>) => void {
  return (what, promise) => {
    const wait: Wait = { what };
    waits.push(wait);
    const end = (how: unknown): void => {
      wait.ended = { at: performance.now(), how };
    };
    promise.then(end, end);
  };
}

async function lastOf(events: AsyncIterable<unknown>): Promise<unknown> {
  let last: unknown;
  for await (const event of events) last = event;
  return last;
}
