/** What the workers of parallel contexts run in these tests. */
import { AtomicCounter } from '../../src/dsm/index.js';
import { BgworkerError } from '../../src/index.js';
import type { Participant } from '../../src/parallel/index.js';
import { defineEntryPoint, ParallelContext } from '../../src/parallel/index.js';
import { defineWorker } from '../../src/worker/index.js';

/** Adds its number, and one more, to what all share, so many times. */
export const addNumber = defineEntryPoint(import.meta, ({ contents, number }, times: number) => {
  const counter = AtomicCounter.attach(contents.lookup('sum'));
  for (let time = 0; time < times; time++) counter.add(number + 1);
});

export const nothing = defineEntryPoint(import.meta, () => {});

export const notExportedThere =
  process.env['WITHOUT_ENTRY_POINT'] === undefined ? defineEntryPoint(import.meta, () => {}) : undefined;

/** Its memory is lost when it has done all it had to do. */
export const loseMemoryLater = defineEntryPoint(import.meta, async ({ context }) => {
  const client = await context?.client;
  setImmediate(() => void client?.close());
});

/** A worker that is a leader itself. */
export const lead = defineWorker(import.meta, async (ctx) => {
  await using context = new ParallelContext(end, { workers: 1 });
  await context.initialize();
  await context.launch('stays');
  await context.waitToAttach();
  ctx.ready();
  await context.waitToFinish();
});

/** Says how far it is, twice, of which the second is the last word. */
export const tellProgress = defineEntryPoint(import.meta, ({ progress }) => {
  progress(1, 3);
  progress(2, 3);
});

/** Compares what it is given with what it should be. */
export const checkArgument = defineEntryPoint(import.meta, (_, { bytes, at }: { bytes: Uint8Array; at: Date }) => {
  if (bytes.some((byte) => byte !== 7) || at.getTime() !== 5) throw new Error('the argument is not what was sent');
});

/** Nothing of it ends by itself. */
function stayForEver(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 1_000_000));
}

/** Worker 0 does it, and the others stay. */
export const end = defineEntryPoint(import.meta, async (participant: Participant, how: keyof typeof ENDINGS) => {
  await (participant.number === 0 ? ENDINGS[how](participant) : stayForEver());
});

export class Trouble extends TypeError {
  override readonly name = 'Trouble';
  readonly code = 'E_TROUBLE';
  readonly where = { line: 7 };
}

const ENDINGS = {
  throws: () => {
    throw new Trouble('it went wrong', { cause: new RangeError('for a reason') });
  },
  'throws no error': () => Promise.reject({ answer: 42 }),
  'throws what no queue holds': () => {
    throw new BgworkerError('ERR_OF_ITS_OWN', 'one of the package', { detail: 'x'.repeat(30_000) });
  },
  'exits with 0': () => process.exit(0),
  'exits with 3': () => process.exit(3),
  'kills itself': () => process.kill(process.pid, 'SIGKILL'),
  'waits for what never comes': () => new Promise(() => {}),
  'loses its memory and stays': async ({ context }: Participant) => {
    await (await context?.client)?.close();
    await stayForEver();
  },
  stays: stayForEver,
  'is asked to stop': ({ signal }: Participant) => {
    process.kill(process.pid, 'SIGTERM');
    return untilAborted(signal);
  },
  'stays until it is asked to stop': ({ signal }: Participant) => untilAborted(signal),
};

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}
