/**
 * The postmaster's side of shared memory, with real processes and real kills: who is counted, who is told, and that the
 * files go, whoever dies. Nobody maps anything here.
 */
import assert from 'node:assert/strict';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { MemoryLink } from '../../src/client/index.js';
import { memoryLinkOf } from '../../src/client/index.js';
import type { Client } from '../../src/index.js';
import { isGone, until } from '../postmaster/processState.js';
import { fixtureUrl, launch } from './support/fixtures.js';
import { guardianOf, kill } from './support/processes.js';
import { openProxy } from './support/proxy.js';
import { sceneOf } from './support/scene.js';

const PATIENCE_MS = 15_000;
/** Something hangs. */
const SUITE_MS = 120_000;

const linuxOnly = process.platform === 'linux' ? false : 'elsewhere segments lie in the directory';

describe('shared memory, as the postmaster has it', { concurrency: 3, timeout: SUITE_MS, skip: linuxOnly }, () => {
  test('a segment goes with the last process that held it, however that ended, and who shared one with it is told', async (t) => {
    const client = await sceneOf(t).postmaster();
    const link = await joined(client);
    const { id, file } = await create(link);
    assert.equal(file, `/dev/shm/bgworker.${client.epoch}.${id}`);
    const gone = new Promise<number>((resolve) => void link.onMemberGone(resolve));
    const { launch: launchIn } = client.module(fixtureUrl('members.mjs'));
    const worker = await launchIn('holder', { id }, { until: 'ready' });
    const progress = worker.progress;
    assert(progress?.total != null);
    const [, own] = await list(link);
    assert.deepEqual(own?.holders, [{ member: progress.done, worker: keyOf(worker.id) }]);
    writeFileSync(fileOf(client, progress.total), '');
    kill(worker.pid);
    assert.equal(await gone, progress.done);
    await until(() => !existsSync(fileOf(client, progress.total ?? 0)), 'what it alone held is gone', PATIENCE_MS);
    assert.equal(existsSync(file), true);
    assert.deepEqual(
      (await list(link)).map((row) => row.id),
      [id],
    );
    link.tell({ type: 'segmentDetach', id });
    await until(() => !existsSync(file), 'nobody holds it any more', PATIENCE_MS);
    assert.deepEqual((await client.postmasterStatus()).segments, { used: 0, max: 1024, sizeBytes: 0 });
  });

  test('an orderly end removes every segment, pinned ones too, and all other traces', async (t) => {
    const client = await sceneOf(t).postmaster();
    const link = await joined(client);
    const lost = new Promise<Error & { code?: string }>((resolve) => void link.onLost(resolve));
    const { id, file } = await create(link);
    await link.ask({ type: 'segmentPin', id }, () => {});
    // Whoever was to make it may be late.
    writeFileSync(fileOf(client, 777), '');
    const alive = fileOf(client, 'alive');
    assert.equal(existsSync(alive), true);
    const { epoch } = client;
    await client.close();
    await lost;
    for (const path of [file, alive, fileOf({ epoch }, 777)]) assert.equal(existsSync(path), false, path);
  });

  test('a postmaster that is killed: its guardian removes its segments, and waits end', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster({ postmasterDeathGraceMs: 100 });
    const link = await joined(client);
    const lost = new Promise<Error & { code?: string }>((resolve) => void link.onLost(resolve));
    const { file } = await create(link);
    const other = await scene.postmaster();
    const { file: stranger } = await create(await joined(other));
    kill(client.postmasterPid);
    // Whether it lives is not always known by the time that the memory is.
    assert.match((await lost).code ?? '', /^ERR_(POSTMASTER_DIED|MEMORY_LOST)$/);
    await until(() => !existsSync(file) && !existsSync(fileOf(client, 'alive')), 'they are gone', PATIENCE_MS);
    assert.equal(existsSync(stranger), true);
  });

  test('F-69: the next postmaster, in another directory, removes what the dead left and nothing of the living', async (t) => {
    const scene = sceneOf(t);
    const dead = await scene.postmaster();
    const left = await create(await joined(dead));
    // Of this one it can see neither directory nor process: it might be in another container.
    const hidden = await scene.application();
    const living = await create(await joined(await scene.client(hidden.directory)));
    // Not beside it: there others clear away what is dead, and it will be before it is moved back.
    const away = join(scene.directory(), 'away');
    renameSync(hidden.directory, away);
    scene.undoing(() => renameSync(away, hidden.directory));
    // Stopped, it cannot make another guardian.
    kill(dead.postmasterPid, 'SIGSTOP');
    const guardian = guardianOf(dead.postmasterPid);
    kill(guardian);
    kill(dead.postmasterPid);
    await until(() => isGone(dead.postmasterPid) && isGone(guardian ?? 0), 'both are dead', PATIENCE_MS);
    // A stopped one lives.
    kill(hidden.postmasterPid, 'SIGSTOP');
    await scene.postmaster();
    assert.equal(existsSync(left.file), false);
    assert.equal(existsSync(fileOf(dead, 'alive')), false);
    assert.equal(existsSync(living.file), true);
    assert.equal(existsSync(fileOf(hidden, 'alive')), true);
  });

  test('a connection that breaks is a member that is gone; who joins over the next one is another', async (t) => {
    const scene = sceneOf(t);
    const own = await scene.postmaster();
    const directory = scene.directory();
    const proxy = await openProxy(directory, own.directory);
    t.after(() => proxy.close());
    const link = await joined(await scene.client(directory));
    const before = await member(link);
    const { id, file } = await create(link);
    const lost = new Promise<Error & { code?: string }>((resolve) => void link.onLost(resolve));
    proxy.cut();
    assert.equal((await lost).code, 'ERR_MEMORY_LOST');
    await until(() => !existsSync(file), 'its segments are gone with it', PATIENCE_MS);
    await assert.rejects(
      link.ask({ type: 'segmentAttach', id }, () => {}),
      { code: 'ERR_NOT_JOINED' },
    );
    assert.notEqual(await member(link), before);
    assert.equal((await create(link)).id, id + 1);
  });

  test('who gives up waiting for a named segment is given none', async (t) => {
    const scene = sceneOf(t);
    const client = await scene.postmaster();
    const [first, second] = [await joined(client), await joined(await scene.client(client.directory))];
    const named = { type: 'segmentNamed', name: 'counts', sizeBytes: 1 } as const;
    const made = await first.ask(named, (answer) => answer);
    assert.equal(made.created, true);
    const waiting = second.ask(named, (answer) => answer, { signal: AbortSignal.timeout(20) });
    await assert.rejects(waiting, { name: 'TimeoutError' });
    await first.ask({ type: 'segmentInitialised', id: made.id }, () => {});
    const [row] = await list(first);
    assert.deepEqual([row?.name, row?.pinned, row?.holders.length], ['counts', true, 1]);
  });

  test('what a worker waits for is seen in activity(), and it knows by which descriptors it is told something', async (t) => {
    const client = await sceneOf(t).postmaster();
    const { launch: launchIn } = client.module(fixtureUrl('members.mjs'));
    const worker = await launchIn('waiter', undefined, { until: 'ready' });
    const idle = await launch(client, 'idle');
    const told = await worker.channel.receive();
    assert(Array.isArray(told.value) && told.value.length === 2 && told.value[1] === 4, String(told.value));
    const waitsOf = async (id: string): Promise<string | null | undefined> =>
      (await client.activity()).find(({ handle }) => handle === id)?.waitEvent;
    for (let waits = await waitsOf(worker.id); waits !== 'BgWorkerMain'; waits = await waitsOf(worker.id)) {
      assert.equal(waits, null);
    }
    assert.equal(await waitsOf(idle.id), null);
  });

  test('maxSegments is a limit that a reload changes', async (t) => {
    const client = await sceneOf(t).postmaster({ maxSegments: 1 });
    const link = await joined(client);
    await create(link);
    await assert.rejects(create(link), { code: 'ERR_TOO_MANY_SEGMENTS', detail: 'maxSegments is 1' });
    await client.reload({ maxSegments: 2 });
    await create(link);
    assert.deepEqual((await client.postmasterStatus()).segments, { used: 2, max: 2, sizeBytes: 8192 });
  });
});

async function joined(client: Client): Promise<MemoryLink> {
  const link = memoryLinkOf(client);
  assert((await member(link)) > 0);
  return link;
}

function member(link: MemoryLink): Promise<number> {
  return link.ask({ type: 'memoryJoin' }, (answer) => answer.member);
}

async function create(link: MemoryLink): Promise<{ readonly id: number; readonly file: string }> {
  const { id, file, created } = await link.ask({ type: 'segmentCreate', sizeBytes: 4096 }, (answer) => answer);
  assert.equal(created, true);
  writeFileSync(file, '', { flag: 'wx' });
  return { id, file };
}

function list(link: MemoryLink) {
  return link.ask({ type: 'segmentList' }, ({ rows }) => rows);
}

function fileOf({ epoch }: { readonly epoch: string }, what: number | 'alive'): string {
  return join('/dev/shm', `bgworker.${epoch}.${what}`);
}

function keyOf(id: string): { readonly slot: number; readonly generation: number } {
  const [, slot, generation] = id.split(':').map(Number);
  return { slot: slot ?? -1, generation: generation ?? -1 };
}
