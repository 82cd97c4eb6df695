/**
 * What all copies of the package in one process share, on `globalThis`: there it survives a module that is loaded
 * again (hot module replacement), and two copies find each other. Copies of one version share it. A copy of another
 * version refuses to be imported, since each would start a postmaster of its own and know nothing of the other's.
 *
 * Inside a worker it is otherwise. The process was started with the postmaster's copy, which has put here what it lends
 * (worker/context.ts), and its module may import another one: that of its own project, while the postmaster is a daemon
 * that was installed globally, or before an update. If the two may talk to each other (protocol/versions.ts), so can
 * this copy and the postmaster: it makes a client of its own, with its own classes, in the worker's place. If they may
 * not, it refuses.
 *
 * Copies of other versions read what stands here, so its fields keep their names and their meaning.
 */
import { BgworkerError } from '../base/index.js';
import type { WorkerKey } from '../core/index.js';
import { mayTalk, PACKAGE_PATH, PACKAGE_VERSION, PROTOCOL_VERSION } from '../protocol/index.js';
import type { Client } from './client.js';

export interface Runtime {
  /** Of the copy that made it. */
  readonly version: string;
  readonly path: string;
  /** The client of the functions of the package; undefined until the first is called. */
  defaultClient: Promise<Client> | undefined;
  /** Undefined in a process that is no worker. */
  worker: Lent | undefined;
}

/** What the worker runtime lends to the functions of the package. Both reject while nothing may be started. */
export interface Lent {
  /** The copy that the postmaster started this process with. */
  readonly version: string;
  readonly path: string;
  readonly protocol: number;
  /** For copies of that version: the worker's own. */
  readonly client: () => Promise<Client>;
  /** Rejects while a module is loading: one that starts workers then would be loaded by them, and start more. */
  readonly checkLoaded: () => Promise<void>;
  /** For neighbours, which connect by themselves. */
  readonly place: () => Promise<WorkerHome>;
  /**
   * The worker waits for this; gives what ends it. `isBlocking`: the event loop stands still meanwhile. Missing from a copy
   * that is older than this, and where there is no worker's process.
   */
  readonly beginWait?: (event: string, isBlocking?: boolean) => () => void;
  /** Where the worker is told its orders; missing likewise. */
  readonly ordersDescriptor?: number;
}

/** Where a worker's postmaster is, and which of its workers this process is. */
export interface WorkerHome {
  readonly directory: string;
  readonly worker: WorkerKey;
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
  const { worker } = present;
  if (worker === undefined) throw twoCopies(present);
  const ours = { protocol: PROTOCOL_VERSION, package: PACKAGE_VERSION };
  if (!mayTalk({ protocol: worker.protocol, package: worker.version }, ours)) throw twoVersions(worker);
  let own: Lent | undefined;
  return {
    version: PACKAGE_VERSION,
    path: PACKAGE_PATH,
    defaultClient: undefined,
    // A spare is lent another one when it becomes a worker.
    get worker() {
      return own ?? present.worker;
    },
    set worker(lent) {
      own = lent;
    },
  };
}

/** What this copy lends to itself, and to no neighbour: a client that is no worker's (`bgworker/testing`). */
export function lendHere(client: Lent['client']): Lent {
  const place = (): Promise<never> => Promise.reject(twoCopies(runtime));
  const checkLoaded = async (): Promise<void> => {};
  return { version: PACKAGE_VERSION, path: PACKAGE_PATH, protocol: PROTOCOL_VERSION, client, checkLoaded, place };
}

function twoCopies({ version, path }: Runtime): BgworkerError {
  return new BgworkerError('ERR_TWO_COPIES', 'two versions of bgworker are loaded in one process', {
    detail: `${version} in ${path}, and ${PACKAGE_VERSION} in ${PACKAGE_PATH}`,
    hint: 'install one version for all: npm ls bgworker shows who wants which',
  });
}

function twoVersions({ version, path }: Lent): BgworkerError {
  return new BgworkerError(
    'ERR_TWO_COPIES',
    'this worker imports a version of bgworker that does not fit its postmaster',
    {
      detail: `the postmaster has started it with ${version} in ${path}; its module imports ${PACKAGE_VERSION} in ${PACKAGE_PATH}`,
      hint: `start the postmaster with the version that the module imports, or npm install bgworker@${version} for the module`,
    },
  );
}
