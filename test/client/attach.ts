/**
 * What most tests of the client begin with: a fake postmaster, a client, and perhaps a handle of one worker.
 */
import { afterEach, beforeEach } from 'node:test';
import type { BackgroundWorkerHandle, Client } from '../../src/client/index.js';
import { connect } from '../../src/client/index.js';
import type { WorkerStatus } from '../../src/core/index.js';
import type { FakeConnection } from './fakePostmaster.js';
import { FakePostmaster, statusOf } from './fakePostmaster.js';

export interface Bench {
  readonly postmaster: FakePostmaster;
  attach(): Promise<Client>;
  /** A client with a handle of a worker that somebody else registered. */
  attachWithHandle(status?: WorkerStatus): Promise<{
    readonly client: Client;
    readonly handle: BackgroundWorkerHandle;
    readonly connection: FakeConnection;
  }>;
}

/** A new one for each test of the file. */
export function benchForEachTest(): () => Bench {
  let postmaster: FakePostmaster;
  let clients: Client[];
  const attach = async (): Promise<Client> => {
    const client = await connect({ directory: postmaster.directory });
    clients.push(client);
    return client;
  };
  beforeEach(async () => {
    postmaster = await FakePostmaster.start();
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) await client.close();
    postmaster.close();
  });
  return () => ({
    postmaster,
    attach,
    attachWithHandle: async (status = statusOf()) => {
      const client = await attach();
      const finding = client.handle(`${postmaster.epoch}:${status.slot}:${status.generation}`);
      const { connection, message } = await postmaster.next('watch');
      connection.tell(status, { type: 'status', request: message.request });
      return { client, handle: await finding, connection };
    },
  });
}

/** Resolves when what was sent to a client has been read by it: a question asked now is answered behind it. */
export async function settled(handle: BackgroundWorkerHandle, bench: Bench, present: WorkerStatus): Promise<void> {
  const asking = handle.getPid();
  const { connection, message } = await bench.postmaster.next('status');
  connection.tell(present, { type: 'status', request: message.request });
  await asking;
}
