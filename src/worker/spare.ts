/**
 * A spare: a process that has booted before there is a job for it. It loads the whole runtime, imports the modules that
 * are to be preloaded, rehearses a job, and waits; when a job comes it becomes that worker's process, and goes on as one
 * that was started for it. Nothing here is loaded by a cold start.
 *
 * What it takes on with the job: working directory, environment, title, report file, priority, arguments. What remains
 * to be seen of its former life:
 *
 * - Its age: `process.uptime()`, `performance.timeOrigin`, its memory, and `/proc/<pid>/environ`.
 * - All that preloaded modules did: globals, listeners, timers, connections, variables of the environment, output (it is
 *   the worker's first output then). A module that listens for SIGTERM does so in every worker of this spare, which thus
 *   does not end at once when it is asked to stop; one that keeps a timer or a socket keeps a script alive.
 *
 * What preloaded modules must not spoil is the judgement of the worker's end: an exit code they set is taken back, and
 * what they keep open counts as nothing that the worker left open. They cannot start workers while there is no job.
 *
 * Model: InitProcess and process_shared_preload_libraries; PostgreSQL needs no spares, since it forks.
 */
import { BgworkerError } from '../base/index.js';
import type { Job, SpareRefusal } from './context.js';
import { PreloadedFiles } from './preloadedFiles.js';
import type { BootFile, Player, Surroundings } from './rehearsal.js';
import { rehearse } from './rehearsal.js';
import type { Before } from './returned.js';

export class Spare implements Player {
  readonly #boot: Surroundings['boot'];
  readonly #modules: readonly string[];
  readonly #bootFile: BootFile;
  readonly #files = new PreloadedFiles();
  #before: Before = { open: [], pipesOfOurs: 0 };

  constructor(boot: Surroundings['boot'], bootFile: BootFile, modules: readonly string[]) {
    this.#boot = boot;
    this.#bootFile = bootFile;
    this.#modules = modules;
  }

  /** What preloaded modules had left when the job came. */
  get before(): Before {
    return this.#before;
  }

  /** Before anything is preloaded. */
  async prepare(): Promise<void> {
    this.#beNobody();
    await this.#bootFile.keepAll();
    // The front door that modules with workers come in by: not for us, but for them.
    await import(new URL('./index.js', import.meta.url).href);
  }

  /** When all is preloaded. */
  async settle(): Promise<void> {
    await this.#files.record(this.#modules, this.#boot.path);
    await rehearse(this.#bootFile, this.#boot, this);
    this.#beNobody();
  }

  /** Becomes the process of this worker; or says why it cannot. */
  takeOn({ worker, directory, handle }: Job): SpareRefusal | undefined {
    const file = this.#files.findStale();
    if (file !== undefined) return { why: 'stale', file };
    try {
      process.chdir(worker.cwd);
    } catch (error) {
      const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
      // In the words of a process that cannot be made for the same reason.
      return { why: 'system', errno: code, what: `enter the working directory ${worker.cwd}` };
    }
    const { env } = process;
    delete env['BGWORKER_DIR'];
    if (worker.attach) env['BGWORKER_DIR'] = directory;
    Object.assign(env, worker.env);
    env['BGWORKER_EPOCH'] = handle.epoch;
    delete env['BGWORKER_ROLE'];
    process.exitCode = undefined;
    this.#before = { open: process.getActiveResourcesInfo(), pipesOfOurs: this.#boot.countUsedStreams() };
    return undefined;
  }

  #beNobody(): void {
    process.title = 'bgworker: spare';
    const refuse = async (): Promise<never> => refuseWithoutJob(this.#modules);
    this.#bootFile.lendClient(this.#boot, { client: refuse, checkLoaded: refuse, place: refuse });
  }
}

function refuseWithoutJob(modules: readonly string[]): never {
  throw new BgworkerError(
    'ERR_WORKER_LOADING',
    'a module that is preloaded may not start workers before there is a job',
    {
      detail: `a spare process has imported ${modules.join(', ')}, and one of them starts a worker; so would each spare`,
      hint: 'start workers from a worker function, or from the program that starts the postmaster',
    },
  );
}
