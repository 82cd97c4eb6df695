/**
 * Segments of a real postmaster, held by real processes that end and are killed. Where memory is given back, the system's
 * own count is asked.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DsmSegment, SegmentInfo } from '../../src/dsm/index.js';
import {
  attachSegment,
  createSegment,
  findSegment,
  listSegments,
  namedSegment,
  tryAttachSegment,
  unpinSegment,
} from '../../src/dsm/index.js';
import type { Client } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';
import { untilGone } from '../postmaster/processState.js';
import {
  addUp,
  detachAtExit,
  dieInitialising,
  leave,
  list,
  openNamed,
  stay,
  tryAttach,
  waitBlocked,
} from './workers.js';

let client: Client;
before(async () => {
  client = await startPostmaster({ maxWorkerProcesses: 8, spareWorkers: 1, output: 'ignore', logLevel: 'silent' });
});
after(() => client.close());

const make = (sizeBytes = 4096): Promise<DsmSegment> => createSegment(sizeBytes, { client });

function files(): string[] {
  return readdirSync('/dev/shm').filter((name) => name.startsWith(`bgworker.${client.epoch}.`) && /\d$/.test(name));
}

function fileOf(segment: DsmSegment): string {
  return `/dev/shm/bgworker.${client.epoch}.${segment.handle.split('/')[1]}`;
}

/** Told to the postmaster and answered: everything said before has been done. */
async function settled(): Promise<readonly SegmentInfo[]> {
  return listSegments({ client });
}

/** The postmaster goes on while the kernel takes the file away. */
async function untilRemoved(segment: DsmSegment): Promise<void> {
  while (existsSync(fileOf(segment))) await nextTurn();
}

function sharedKilobytes(): number {
  return Number(/^Shmem:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}

test('what one process writes into a segment another reads, and the other way round', async () => {
  using segment = await make();
  assert.equal(segment.isNew, true);
  assert.equal(segment.bytes.length, 4096);
  segment.bytes.set([1, 2, 3]);
  assert.equal(await client.run(addUp, String(segment)), 6);
  assert.equal(segment.bytes[0], 99);
});

test('a size that no segment can have is refused before anybody is asked', async () => {
  for (const sizeBytes of [2 ** 32, Infinity]) await assert.rejects(make(sizeBytes), { code: 'ERR_SEGMENT_TOO_LARGE' });
  for (const sizeBytes of [0, -1, 1.5, NaN, '8' as unknown as number])
    await assert.rejects(make(sizeBytes), { code: 'ERR_INVALID_ARGUMENT' });
});

test('F-66, R-DSM-12: attaching to one that is gone gives null, attaching twice is refused', async () => {
  const segment = await make();
  const { handle } = segment;
  await assert.rejects(attachSegment(handle, { client }), { code: 'ERR_SEGMENT_ATTACHED' });
  const found = await findSegment(handle, { client });
  assert.equal(found?.bytes, segment.bytes);
  segment.detach();
  assert.equal(await findSegment(handle, { client }), null);
  assert.equal(await tryAttachSegment(handle, { client }), null);
  await assert.rejects(attachSegment(handle, { client }), { code: 'ERR_UNKNOWN_SEGMENT' });
  assert.equal(await client.run(tryAttach, handle), false);
});

test('a handle that is none, or another postmaster’s, is refused with what to do', async () => {
  await assert.rejects(attachSegment('nonsense', { client }), { code: 'ERR_INVALID_SEGMENT_HANDLE' });
  await assert.rejects(attachSegment('someoneelse/1', { client }), { code: 'ERR_FOREIGN_SEGMENT' });
});

test('R-DSM-14: callbacks run newest first while the memory is there, each once; F-68: one that throws stops no other', async (t) => {
  const segment = await make();
  const order: string[] = [];
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
  t.after(() => process.removeAllListeners('warning'));
  segment.onDetach(() => order.push(`first ${segment.bytes.length}`));
  const cancel = segment.onDetach(() => order.push('cancelled'));
  segment.onDetach(() => {
    throw new Error('a bad callback');
  });
  segment.onDetach(() => segment.detach());
  segment.onDetach(() => order.push('last'));
  cancel();
  segment.detach();
  segment.detach();
  assert.deepEqual(order, ['last', 'first 4096']);
  assert.match((await warned).message, /a bad callback/);
  assert.equal(segment.isAttached, false);
  assert.throws(() => segment.bytes, { code: 'ERR_SEGMENT_DETACHED' });
  assert.throws(() => segment.chunk(), { code: 'ERR_SEGMENT_DETACHED' });
});

test('memory is given back at once when the last has detached, whatever views are still held, moved or streamed', async () => {
  // The count is the whole system's: what others do meanwhile is less than half of this.
  const size = 256 * 1024 * 1024;
  const half = size / 2 / 1024;
  const before = sharedKilobytes();
  const segment = await make(size);
  const view = segment.bytes;
  view.fill(1, 0, 4096);
  const stream = new Blob([view.subarray(0, 4096)]).stream();
  const words = new Float64Array(view.buffer, 8, 100);
  assert.ok(sharedKilobytes() - before > half);
  segment.detach();
  // The kernel takes its time for so many pages; no garbage collection is needed for it.
  while (sharedKilobytes() - before > half) await nextTurn();
  await untilRemoved(segment);
  assert.equal(view[0], 0);
  assert.equal(words[99], 0);
  view[5] = 3;
  const moved = (view.buffer as ArrayBuffer & { transfer?: () => ArrayBuffer }).transfer?.() ?? view.buffer;
  assert.equal(moved.byteLength, size);
  assert.equal(new Uint8Array(moved)[6], 0);
  await stream.cancel();
});

test('R-DSM-22: a pinned segment stays when nobody holds it, and unpinning it by its handle destroys it', async () => {
  const segment = await make();
  segment.bytes[3] = 5;
  await segment.pin();
  await assert.rejects(segment.pin(), { code: 'ERR_SEGMENT_PINNED' });
  segment.detach();
  assert.equal((await settled()).length, 1);
  assert.equal(await client.run(addUp, segment.handle), 5);
  await unpinSegment(segment.handle, { client });
  assert.deepEqual(await settled(), []);
  await untilRemoved(segment);
  await assert.rejects(unpinSegment(segment.handle, { client }), { code: 'ERR_UNKNOWN_SEGMENT' });
  using other = await make();
  await assert.rejects(other.unpin(), { code: 'ERR_SEGMENT_NOT_PINNED' });
});

test('R-DSM-24, otherwise: a holder that is killed has let go, and the last one takes the segment with it', async () => {
  const segment = await make();
  const worker = await client.launch(stay, segment.handle, { until: 'ready' });
  const holders = (await settled())[0]?.holders.map(({ worker }) => worker);
  assert.deepEqual(holders, [null, worker.id]);
  segment.detach();
  await settled();
  assert.ok(existsSync(fileOf(segment)));
  process.kill(worker.pid ?? 0, 'SIGKILL');
  await worker.waitForShutdown();
  // Its connection and its process end by two ways.
  while ((await settled()).length > 0);
  await untilRemoved(segment);
  assert.deepEqual(files(), []);
});

test('R-DSM-23: at the end of a process its segments are detached, callbacks included', async () => {
  using segment = await make();
  await client.run(detachAtExit, segment.handle);
  assert.deepEqual([...segment.bytes.subarray(0, 2)], [7, 8]);
  await client.run(leave, segment.handle);
  while ((await settled())[0]?.holders.length !== 1);
});

test('a client that is closed has let go of everything, and its waits have ended', async () => {
  const other = await connect({ directory: client.directory });
  const segment = await createSegment(4096, { client: other });
  let isDetached = false;
  segment.onDetach(() => {
    isDetached = true;
  });
  await other.close();
  assert.equal(isDetached, true);
  assert.throws(() => segment.bytes, { code: 'ERR_CLIENT_CLOSED' });
  while ((await settled()).length > 0);
});

test('a named segment is initialised by exactly one of those who ask, and everybody is given it when it is ready', async () => {
  const ask = { name: 'once', fails: false };
  const answers = await Promise.all([0, 1, 2, 3].map(() => client.run(openNamed, ask)));
  assert.deepEqual(
    answers.map(([, found]) => found),
    [1, 1, 1, 1],
  );
  assert.equal(
    answers.reduce((sum, [count = 0]) => sum + count, 0),
    1,
  );
  const here = await namedSegment('once', 4096, undefined, { client });
  assert.equal(here.isNew, false);
  assert.equal(here.bytes[10], 1);
  assert.equal((await namedSegment('once', 4096, undefined, { client })).bytes, here.bytes);
  await assert.rejects(namedSegment('once', 8192, undefined, { client }), { code: 'ERR_SEGMENT_SIZE_MISMATCH' });
  here.detach();
  assert.equal((await client.run(openNamed, ask))[1], 1, 'it stays when nobody holds it');
  await unpinSegment(here.handle, { client });
  assert.deepEqual(await settled(), []);
});

test('when the initialisation of a named segment fails, or its process dies, the next who asks begins anew', async () => {
  await assert.rejects(client.run(openNamed, { name: 'unlucky', fails: true }), /no luck/);
  await assert.rejects(client.run(dieInitialising, 'unlucky'), ({ reason }) => reason.signal === 'SIGKILL');
  const initialised: number[] = [];
  const segment = await namedSegment('unlucky', 4096, () => void initialised.push(1), { client });
  assert.deepEqual(initialised, [1]);
  await segment.unpin();
  segment.detach();
  for (const name of ['', 'x'.repeat(64)]) await assert.rejects(namedSegment(name, 1, undefined, { client }));
  const refused = { code: 'ERR_INVALID_ARGUMENT' };
  await assert.rejects(namedSegment(5 as unknown as string, 1, undefined, { client }), refused);
  await assert.rejects(namedSegment('misplaced', 1, { client } as unknown as () => void), refused);
  assert.deepEqual(await settled(), []);
});

test('a worker that may not speak to its postmaster has no shared memory, and is told so', async () => {
  await assert.rejects(
    client.run(list, undefined, { attach: false }),
    ({ cause }) => cause.code === 'ERR_NOT_ATTACHED',
  );
});

test('a worker that waits without yielding is interrupted by the order to stop', async () => {
  using segment = await make();
  const worker = await client.launch(waitBlocked, segment.handle, { until: 'ready' });
  await worker.terminate();
  await worker.waitForShutdown();
  assert.equal(worker.reason?.kind, 'terminated');
  assert.equal(worker.reason.code, 0, 'it came to its end by itself');
});

test('a worker that waits without yielding is gone when its postmaster is killed, and so is the memory', async () => {
  const doomed = await startPostmaster({
    spareWorkers: 0,
    postmasterDeathGraceMs: 100,
    output: 'ignore',
    logLevel: 'silent',
  });
  const segment = await createSegment(4096, { client: doomed });
  const worker = await doomed.launch(waitBlocked, segment.handle, { until: 'ready' });
  process.kill(doomed.postmasterPid, 'SIGKILL');
  await doomed.waitForClose();
  assert.throws(() => segment.bytes, /the connection to the postmaster broke|the postmaster is gone/);
  await untilGone([worker.pid ?? 0]);
  await doomed.close();
  while (readdirSync('/dev/shm').some((name) => name.startsWith(`bgworker.${doomed.epoch}.`))) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
