/**
 * The processes of spares: started when the core orders it, told what to preload, and handed over when one is given a
 * job; from then on the launcher has it, and this file never hears of it again. When there should be one, and who gets
 * it, is decided in core/spares.ts.
 *
 * What a spare prints and logs while it has no job comes from the modules that it preloads, and is passed on under the
 * name `spare`.
 */
import type { ErrorRecord, Saying } from '../core/index.js';
import type { WorkerMessage } from '../protocol/index.js';
import type { Fact } from './fact.js';
import type { Guardian } from './guardian.js';
import type { Log } from './log.js';
import type { Forwarding } from './output.js';
import type { ProcessPlace, WorkerListener } from './workerProcess.js';
import { WorkerProcess } from './workerProcess.js';

export interface SparesOptions {
  readonly place: ProcessPlace;
  readonly guardian: Guardian;
  readonly log: Log;
  readonly forwarding: () => Forwarding;
  dispatch(fact: Fact): void;
}

export class Spares {
  readonly #options: SparesOptions;
  readonly #processes = new Map<number, WorkerProcess>();

  constructor(options: SparesOptions) {
    this.#options = options;
  }

  start(spare: number, preload: readonly string[]): void {
    const running: WorkerProcess = new WorkerProcess(
      this.#options.place,
      this.#listenTo(spare, preload, () => running),
    );
    this.#processes.set(spare, running);
    running.start(null, this.#options.forwarding());
  }

  end(spare: number, isStuck: boolean): void {
    const running = this.#processes.get(spare);
    if (isStuck) {
      const hint = 'a module that is preloaded waits for something that does not come';
      this.#options.log.say('warn', 'a spare did not come to be idle, and is ended', { pid: running?.pid, hint });
    }
    this.#processes.delete(spare);
    running?.kill();
  }

  /** It has a job now. Undefined when it has just died, which the core has not heard of yet. */
  take(spare: number): WorkerProcess | undefined {
    const running = this.#processes.get(spare);
    this.#processes.delete(spare);
    return running;
  }

  #listenTo(spare: number, preload: readonly string[], running: () => WorkerProcess): WorkerListener {
    const { guardian, log, dispatch } = this.#options;
    let pid = 0;
    let said: Saying | null = null;
    return {
      forked: (forkedPid) => {
        pid = forkedPid;
        guardian.add(pid);
        dispatch({ type: 'spareForked', spare, pid });
        running().beSpare(preload);
      },
      spawnFailed: (errno, what) => {
        this.#processes.delete(spare);
        log.say('warn', 'a spare could not be made', { err: `${what}: ${errno}` });
        dispatch({ type: 'spareExited', spare });
      },
      heard: (message) => {
        if (message.type === 'idle') {
          // A message that goes the way of the job: that takes a tenth off what the job will take.
          running().order({ type: 'rehearsal' });
          dispatch({ type: 'spareIdle', spare });
        }
        if (message.type === 'log') this.#passLog(message, pid);
      },
      said: (saying) => {
        said ??= saying;
      },
      // Whatever it says from now on could not be understood, and it has done nothing yet that would be lost.
      babbled: () => running().kill(),
      channelLost: () => running().kill(),
      misheard: (error) => {
        const err = `${error.message}: ${error.detail}`;
        log.say('warn', 'a spare of another version says what this one does not know', { pid, err });
      },
      exited: ({ code, signal, output, packageError }) => {
        guardian.delete(pid);
        // Not one that we ended.
        if (this.#processes.delete(spare)) {
          const how = signal ?? `exit ${code}`;
          const why = packageError === undefined ? reasonOf(said) : faultOf(packageError);
          log.say('warn', 'a spare died', { pid, how, ...why, ...(output === '' ? {} : { output }) });
        }
        dispatch({ type: 'spareExited', spare });
      },
    };
  }

  #passLog({ level, message, fields }: Extract<WorkerMessage, { type: 'log' }>, workerPid: number): void {
    this.#options.log.pass(level, message, { ...fields, worker: 'spare', workerPid });
  }
}

function faultOf({ code, message, fields }: ErrorRecord): object {
  return { code, err: message, ...fields };
}

/** Why, in a word, and what was thrown: of a module that it was to preload, or of what that had begun. */
function reasonOf(said: Saying | null): { readonly why?: string; readonly err?: string } {
  if (said === null) return {};
  if (!('error' in said)) return { why: said.word };
  const { name, message, stack } = said.error;
  return { why: said.word, err: stack ?? `${name}: ${message}` };
}
