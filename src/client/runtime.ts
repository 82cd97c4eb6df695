/**
 * What all copies of the package in one process share, on `globalThis`: there it survives a module that is loaded
 * again (hot module replacement), and two copies find each other. Copies of one version share it; a copy of another
 * version refuses to be imported, since each would start a postmaster of its own and know nothing of the other's.
 */
import { BgworkerError } from '../base/index.js';
import { PACKAGE_PATH, PACKAGE_VERSION } from '../protocol/index.js';
import type { Client } from './client.js';

export interface Runtime {
  readonly version: string;
  readonly path: string;
  /** The client of the functions of the package; undefined until the first is called. */
  defaultClient: Promise<Client> | undefined;
  /** Set by the worker runtime: inside a worker those functions use the worker's own client. */
  worker: (() => Promise<Client>) | undefined;
}

const KEY = Symbol.for('bgworker.runtime');

export const runtime: Runtime = findRuntime(globalThis as { [KEY]?: Runtime });

function findRuntime(global: { [KEY]?: Runtime }): Runtime {
  const present = global[KEY];
  if (present === undefined) {
    const own: Runtime = { version: PACKAGE_VERSION, path: PACKAGE_PATH, defaultClient: undefined, worker: undefined };
    global[KEY] = own;
    return own;
  }
  if (present.version === PACKAGE_VERSION) return present;
  throw new BgworkerError('ERR_TWO_COPIES', 'two versions of bgworker are loaded in one process', {
    detail: `${present.version} in ${present.path}, and ${PACKAGE_VERSION} in ${PACKAGE_PATH}`,
    hint: 'install one version for all: npm ls bgworker shows who wants which',
  });
}
