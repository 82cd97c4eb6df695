/**
 * The lives that a soak lets its workers have, and what the handle must say at the end of each: every way in which a
 * worker ends in the course of an ordinary day, in about the proportions of one.
 */
import { isDeepStrictEqual } from 'node:util';
import type { BackgroundWorkerHandle, Client, RegisterOptions, WorkerStopReason } from '../../../src/index.js';
import { launch, register } from './fixtures.js';
import { kill } from './processes.js';
import type { Random } from './random.js';

export interface ShortLife {
  readonly name: string;
  /** How often it is chosen, of all together. */
  readonly weight: number;
  /** Lives it through, and gives what was wrong. `number` is no other life's. */
  live(client: Client, number: number): Promise<string | undefined>;
}

/** Longer than an argument in a frame may be, so it travels in a file. */
const LARGE = new Uint8Array(1_200_000);

export const SHORT_LIVES: readonly ShortLife[] = [
  {
    name: 'returned',
    weight: 50,
    live: async (client, number) => {
      const handle = await register(client, 'echo', { number });
      const wrong = await endedWith(handle, { kind: 'returned', code: 0, attempt: 1 });
      const result = await handle.result();
      return isDeepStrictEqual(result, { number }) ? wrong : `it returned ${JSON.stringify(result)}`;
    },
  },
  {
    name: 'threw',
    weight: 10,
    live: async (client, number) => {
      const handle = await register(client, 'fail', `number ${number}`);
      const wrong = await endedWith(handle, { kind: 'threw' });
      const { reason } = handle;
      const message = reason?.kind === 'threw' ? reason.error.message : '';
      return message === `number ${number}` ? wrong : `it threw ${message}`;
    },
  },
  {
    name: 'exited',
    weight: 10,
    live: async (client, number) => {
      const code = 1 + (number % 100);
      return endedWith(await register(client, 'end', { code }), { kind: 'exited', code });
    },
  },
  {
    name: 'exited after a large argument',
    weight: 2,
    live: async (client) => {
      const handle = await register(client, 'end', { code: 0, LARGE });
      return endedWith(handle, { kind: 'exitedWithoutReturning', code: 0 });
    },
  },
  {
    name: 'killed itself',
    weight: 5,
    live: async (client) => {
      const handle = await register(client, 'end', { signal: 'SIGSEGV' });
      return endedWith(handle, { kind: 'signaled', signal: 'SIGSEGV' });
    },
  },
  {
    name: 'killed',
    weight: 5,
    live: async (client) => {
      const handle = await launch(client, 'idle');
      kill(handle.pid);
      return endedWith(handle, { kind: 'signaled', signal: 'SIGKILL' });
    },
  },
  {
    name: 'terminated',
    weight: 8,
    live: async (client) => {
      const handle = await launch(client, 'idle');
      await handle.terminate();
      return endedWith(handle, { kind: 'terminated', escalated: false });
    },
  },
  {
    name: 'talked to',
    weight: 4,
    live: async (client, number) => {
      const handle = await launch(client, 'answer');
      await handle.channel.send(number);
      const { value } = await handle.channel.receive();
      await handle.terminate();
      const wrong = await endedWith(handle, { kind: 'terminated', escalated: false });
      return value === number ? wrong : `it answered ${JSON.stringify(value)}`;
    },
  },
  {
    name: 'restarted',
    weight: 3,
    live: async (client) => {
      const handle = await launch(client, 'idle', undefined, RESTARTED);
      const { pid } = handle;
      await handle.restart();
      await handle.waitForShutdown({ until: 'nextDeath' });
      const startup = await handle.waitForStartup();
      if (startup.status !== 'started' || startup.pid === pid) return `it was restarted as ${JSON.stringify(startup)}`;
      await handle.terminate();
      return endedWith(handle, { kind: 'terminated', attempt: 2 });
    },
  },
  {
    name: 'crashed until it was given up',
    weight: 3,
    live: async (client) => {
      const handle = await register(client, 'end', { code: 3 }, RESTARTED);
      return endedWith(handle, { kind: 'crashLoop', deaths: 2, attempt: 2, code: 3 });
    },
  },
];

const RESTARTED: RegisterOptions = {
  restart: 'onFailure',
  restartTimeMs: 0,
  restartIntensity: { deaths: 2, periodMs: 60_000 },
};

const TOTAL_WEIGHT = SHORT_LIVES.reduce((sum, { weight }) => sum + weight, 0);

export function chooseLife(random: Random): ShortLife {
  let left = TOTAL_WEIGHT * random();
  for (const life of SHORT_LIVES) {
    left -= life.weight;
    if (left < 0) return life;
  }
  return SHORT_LIVES[0] as ShortLife;
}

async function endedWith(
  handle: BackgroundWorkerHandle,
  expected: Partial<WorkerStopReason> & { readonly escalated?: boolean; readonly deaths?: number },
): Promise<string | undefined> {
  const answer = await handle.waitForShutdown();
  if (answer.status !== 'stopped') return `it is ${answer.status}`;
  const reason = answer.reason as unknown as Record<string, unknown>;
  const wrong = Object.entries(expected).filter(([field, value]) => reason[field] !== value);
  return wrong.length === 0 ? undefined : `expected ${JSON.stringify(expected)}, it is ${JSON.stringify(reason)}`;
}
