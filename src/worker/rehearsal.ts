/**
 * A dry run of a job, through the very code that a real one takes, so that the job does not pay for what Node does when
 * code runs for the first time: of a start from a spare that is more than half.
 *
 * Nothing is told to the postmaster, nobody is asked to stop, and the process is left as it was found; what becomes of
 * its title and its client is the caller's to say.
 */
import { serialize } from 'node:v8';
import type { Job, lendClient, PackageCopy, SpareRefusal } from './context.js';
import type { LastWords } from './lastWords.js';
import type { keepAll } from './parts.js';
import type { decodeOrder, encodeWords, PostmasterLine } from './postmasterLine.js';
import type { Before } from './returned.js';
import type { StopRequest } from './stopRequest.js';

/** What a run speaks to: its process, or a rehearsal. */
export interface Surroundings {
  readonly boot: PackageCopy & { readonly countUsedStreams: () => number };
  readonly line: Pick<PostmasterLine, 'tell' | 'listen' | 'awaitNoMore'>;
  readonly stop: StopRequest;
  readonly lastWords: Pick<LastWords, 'say' | 'sayThrew'>;
  readonly exit: (...code: [] | [number]) => never;
}

/**
 * What spares use of the file that every worker boots from (boot.cjs). It is handed over: to import it would make a
 * second copy of it, and to rehearse that would be of no use.
 */
export interface BootFile {
  readonly Run: RunClass;
  readonly StopRequest: typeof StopRequest;
  readonly decodeOrder: typeof decodeOrder;
  readonly encodeWords: typeof encodeWords;
  readonly keepAll: typeof keepAll;
  readonly lendClient: typeof lendClient;
}

type RunClass = new (
  surroundings: Surroundings,
) => { work(job: Job, argument: Uint8Array | null, before: Before): Promise<void> };

/** Becomes the process of a worker, and then knows what it had open before. */
export interface Player {
  readonly before: Before;
  takeOn(job: Job): SpareRefusal | undefined;
}

export async function rehearse(bootFile: BootFile, boot: Surroundings['boot'], player: Player): Promise<void> {
  const { report } = process;
  const { directory, filename, reportOnFatalError } = report ?? {};
  const { message, attachments } = bootFile.decodeOrder(makeJob(bootFile));
  if (message.type !== 'job') return;
  player.takeOn(message);
  await new bootFile.Run(makeSurroundings(bootFile, boot)).work(message, attachments[0] ?? null, player.before);
  Object.assign(report ?? {}, { directory, filename, reportOnFatalError });
}

function makeSurroundings({ encodeWords, StopRequest }: BootFile, boot: Surroundings['boot']): Surroundings {
  const tell: PostmasterLine['tell'] = (message, attachments = []) => void encodeWords(message, attachments);
  const listen = async (): Promise<void> => {};
  return {
    boot,
    line: { tell, listen, awaitNoMore: () => {} },
    stop: new StopRequest({ onUnheeded: () => {}, isSpare: () => true, listen }),
    lastWords: {
      say: (saying) => tell({ type: 'said', saying: saying as never }),
      sayThrew: () => {},
    },
    exit: () => undefined as never,
  };
}

/** A frame as the postmaster writes it: both sides frame alike. */
function makeJob({ encodeWords }: BootFile): Buffer {
  const job = {
    type: 'job',
    handle: { epoch: process.env['BGWORKER_EPOCH'] ?? '', slot: 0, generation: 0 },
    attempt: 1,
    directory: '.',
    worker: {
      name: 'rehearsed',
      type: 'rehearsed',
      class: 'rehearsed',
      module: new URL('./rehearsedWorker.js', import.meta.url).href,
      functionName: 'default',
      mainArg: { kind: 'bytes' },
      args: [],
      cwd: '.',
      env: {},
      nice: 0,
      attach: false,
      restart: 'never',
    },
  };
  return encodeWords(job as never, [serialize({ rehearsed: true })]);
}
