/**
 * Which function is called for a worker, in the test's own process: one that the test has named, or the one that the
 * worker's module exports, imported as a worker's process would import it.
 *
 * A worker value that the test has named needs no module to be found: a test runner may have loaded it with a loader
 * of its own, and to import it again would be another copy.
 */
import { BgworkerError } from '../base/index.js';
import type { World } from '../client/index.js';
import type { BackgroundWorker, Saying } from '../core/index.js';
import type { WorkerPlace, WorkerValue } from '../protocol/index.js';
import { findWorker, isWorkerValue, moduleOf, workerBrand } from '../protocol/index.js';
import type { BackgroundWorkerFunction } from '../worker/index.js';
import type { WorkerFunction } from '../worker/withoutProcess.js';
import { exportNames, findFunction, judgeImport } from '../worker/withoutProcess.js';

/** By the name of the export; of a script or a default export, by the name of the file. */
export interface FakeFunctions {
  readonly [name: string]: WorkerValue<never> | BackgroundWorkerFunction<never>;
}

export type Found = { readonly fn: WorkerFunction } | { readonly failure: Saying };

/** The names a test may call a worker by: its own, and the one it would have had without options. */
export function namesOf({ name, module, functionName }: BackgroundWorker): readonly string[] {
  const file = decodeURIComponent(module.slice(module.lastIndexOf('/') + 1));
  return [name, functionName === null || functionName === 'default' ? file : functionName];
}

export class Functions {
  readonly #named: FakeFunctions;
  /** Those that are known without being imported, by module and export. */
  readonly #known = new Map<string, WorkerFunction>();

  constructor(named: FakeFunctions) {
    this.#named = named;
  }

  /** One that is named need not be found by its module, nor know where that is. */
  readonly findWorker: World['findWorker'] = async (value) => {
    const [name] = Object.entries(this.#named).find(([, named]) => named === value) ?? [];
    const place =
      name === undefined ? await find(value) : { module: moduleOf(value) ?? 'file:///unknown', exportName: name };
    this.#known.set(`${place.module}#${place.exportName}`, value[workerBrand].fn);
    return place;
  };

  /** Whether it is one that a module has to be imported for. */
  knows(worker: BackgroundWorker): boolean {
    return this.#find(worker) !== undefined;
  }

  async find(worker: BackgroundWorker): Promise<Found> {
    const fn = this.#find(worker);
    if (fn !== undefined) return { fn };
    const { module, functionName } = worker;
    let namespace: object;
    try {
      namespace = (await import(module)) as object;
    } catch (error) {
      return { failure: judgeImport(error, module, () => undefined) };
    }
    const found = findFunction(namespace, functionName ?? 'default');
    if (found === undefined) {
      return { failure: { word: 'exportMissing', name: functionName ?? 'default', exports: exportNames(namespace) } };
    }
    this.#known.set(`${module}#${functionName}`, found);
    return { fn: found };
  }

  #find(worker: BackgroundWorker): WorkerFunction | undefined {
    for (const name of namesOf(worker)) {
      const named = Object.hasOwn(this.#named, name) ? this.#named[name] : undefined;
      if (named !== undefined) return isWorkerValue(named) ? named[workerBrand].fn : named;
    }
    return this.#known.get(`${worker.module}#${worker.functionName}`);
  }
}

async function find(value: WorkerValue<never>): Promise<WorkerPlace> {
  try {
    return await findWorker(value);
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    const { code, message, detail, hint } = error;
    const other = 'or, where the test runner loads modules itself, name it: createFakePostmaster({ functions: { … } })';
    throw new BgworkerError(code, message, { ...(detail !== undefined && { detail }), hint: `${hint}; ${other}` });
  }
}
