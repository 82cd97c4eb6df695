/**
 * Importing a user's module in a process that is a worker already. While it loads it may start no workers, as in any other
 * worker: a module that starts some when it is imported would be imported by them, and start more, without end. The
 * functions of the package ask what the worker's runtime has lent this process (client/runtime.ts), so it lends none.
 */
import { BgworkerError } from '../base/index.js';
import type { Runtime } from '../client/index.js';

/** Found by its key, since loading the client would cost every start more than all the rest. */
const KEY = Symbol.for('bgworker.runtime');

export async function importUserModule(module: string): Promise<object> {
  const { [KEY]: runtime } = globalThis as { [KEY]?: Runtime };
  const lent = runtime?.worker;
  if (runtime === undefined || lent === undefined) return (await import(module)) as object;
  const refuse = (): Promise<never> => Promise.reject(loadingError(module));
  runtime.worker = { ...lent, client: refuse, place: refuse, checkLoaded: refuse };
  try {
    return (await import(module)) as object;
  } finally {
    runtime.worker = lent;
  }
}

/** As worker/context.ts has it for a worker's own module. */
function loadingError(module: string): BgworkerError {
  return new BgworkerError('ERR_WORKER_LOADING', 'a module that is loading as a worker may not start workers', {
    detail: `${module} starts one when it is imported, so each would start another`,
    hint: 'move the worker functions to a module of their own, apart from the program that starts them',
  });
}
