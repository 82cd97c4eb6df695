/**
 * What this process holds and what the postmaster believes that it holds are the same, also when a segment comes to the
 * process by several ways, when what was asked is called off, and when its file cannot be made.
 */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import type { DsmSegment } from '../../src/dsm/index.js';
import { attachSegment, createSegment, listSegments, namedSegment, unpinSegment } from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';

let client: Client;
let names = 0;
let name: string;
before(async () => {
  client = await startPostmaster({ spareWorkers: 0, output: 'ignore', logLevel: 'silent' });
});
beforeEach(() => {
  names += 1;
  name = `name ${names}`;
});
after(() => client.close());

type Initialize = (segment: DsmSegment) => void | Promise<void>;
const open = (initialize?: Initialize, signal?: AbortSignal): Promise<DsmSegment> =>
  namedSegment(name, 64, initialize, { client, signal });

async function holders(): Promise<number | undefined> {
  return (await listSegments({ client })).find((row) => row.name === name)?.holders.length;
}

/** A segment with a name that this process does not hold. */
async function pinned(): Promise<string> {
  const segment = await open();
  segment.detach();
  return segment.handle;
}

/** The question has left, and as long as the event loop has not had its turn no answer is read. */
async function asked(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await null;
}

test('a segment that is attached by its handle is the same when it is asked for by its name', async () => {
  const attached = await attachSegment(await pinned(), { client });
  const named = await open();
  assert.equal(named.bytes, attached.bytes);
  attached.detach();
  assert.equal(named.isAttached, false);
  assert.equal(await holders(), 0);
});

test('a segment that is let go while its name is asked for is held by who asked', async () => {
  const attached = await attachSegment(await pinned(), { client });
  const opening = open();
  await asked();
  attached.detach();
  const named = await opening;
  assert.equal(named.isAttached, true);
  assert.equal(await holders(), 1);
  named.detach();
});

test('calling off the question for a name lets nothing go that is held already', async () => {
  const attached = await attachSegment(await pinned(), { client });
  const controller = new AbortController();
  const opening = open(undefined, controller.signal);
  await asked();
  controller.abort();
  await assert.rejects(opening, { name: 'AbortError' });
  assert.equal(attached.isAttached, true);
  assert.equal(await holders(), 1);
  await unpinSegment(attached.handle, { client });
  assert.equal(await holders(), 1);
  attached.detach();
});

test('who asks for a name that another part of its process is asking for has its own signal, and its own luck', async () => {
  const other = await connect({ directory: client.directory });
  let ready = (): void => {};
  const slow = namedSegment(name, 64, () => new Promise<void>((done) => (ready = done)), { client: other });
  const [first, second] = [new AbortController(), new AbortController()];
  const opening = [open(undefined, first.signal), open(undefined, second.signal), open()];
  const rejected = [0, 1].map((at) => assert.rejects(opening[at] ?? Promise.resolve(), { name: 'AbortError' }));
  second.abort();
  await rejected[1];
  first.abort();
  await rejected[0];
  while ((await listSegments({ client })).find((row) => row.name === name) === undefined);
  ready();
  await slow;
  assert.equal((await opening[2])?.isAttached, true);
  assert.equal(await holders(), 2);
  await other.close();
});

test('one that fails to initialise a segment does not make those fail who wait in its process', async () => {
  const failing = open(() => {
    throw new Error('no luck');
  });
  const opening = open((segment) => {
    segment.bytes[0] = 1;
  });
  await assert.rejects(failing, /no luck/);
  assert.equal((await opening).bytes[0], 1);
});

test('a file that is in the way is told, and leaves no segment behind', async () => {
  const segment = await createSegment(64, { client });
  const next = `/dev/shm/bgworker.${client.epoch}.${Number(segment.handle.split('/')[1]) + 1}`;
  mkdirSync(next);
  try {
    await assert.rejects(createSegment(64, { client }), { code: 'ERR_CANNOT_MAP' });
  } finally {
    rmdirSync(next);
  }
  segment.detach();
  assert.equal((await listSegments({ client })).filter((row) => row.name === null).length, 0);
});
