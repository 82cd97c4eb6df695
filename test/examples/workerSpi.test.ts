/**
 * examples/worker-spi, held to what PostgreSQL's own tests of its worker_spi ask of that one (P-1 to P-10; the example's
 * README has them all), and to what it promises beyond: that no death, wherever it strikes, loses a delta or counts it
 * twice.
 *
 * One postmaster with two workers of its configuration serves all tests that do no harm to it; each of these launches a
 * worker with a number, and so a table, of its own. Naptimes are an hour unless a test is about them: what is folded
 * then was not folded by chance.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { BackgroundWorkerHandle, Client, WorkerSetting } from '../../src/index.js';
import { until } from '../postmaster/processState.js';
import { PATIENCE_MS, untilAsked } from '../process/support/patience.js';
import { kill } from '../process/support/processes.js';
import { Project } from '../process/support/project.js';
import { Scene } from '../process/support/scene.js';
import { root } from '../readme/pages.js';

interface Database {
  exec(sql: string): void;
  prepare(sql: string): { all(): readonly object[] };
  close(): void;
}
interface DatabaseModule {
  openDatabase(path: string): Database;
}
interface LaunchModule {
  launch(client: Client, index: number, settingsFile: string): Promise<number | null>;
  staticWorkers(settingsFile: string): readonly WorkerSetting[];
}

const moduleOf = (name: string): Promise<unknown> =>
  import(pathToFileURL(join(root, 'examples/worker-spi', name)).href) as Promise<unknown>;
const { launch, staticWorkers } = (await moduleOf('launch.js')) as LaunchModule;
const { openDatabase } = (await moduleOf('database.js')) as DatabaseModule;

const HOUR_MS = 3_600_000;
/** Of SQLite. */
const PAGE_BYTES = 4_096;
const scene = new Scene();
const directory = scene.directory();
const databaseFile = join(directory, 'test.db');
const lines: string[] = [];
let settings: string;
let client: Client;
let database: Database;

before(async () => {
  settings = settingsFile('settings.json', { naptimeMs: HOUR_MS, totalWorkers: 2 });
  const hear = (fields: { worker?: string }, line: string): void => void lines.push(`${fields.worker}: ${line}`);
  const logger = { trace: hear, debug: hear, info: hear, warn: hear, error: hear, fatal: hear };
  client = await scene.postmaster({
    logger,
    logLevel: 'warn',
    maxWorkerProcesses: 16,
    workers: staticWorkers(settings),
  });
  database = openDatabase(databaseFile);
});
after(async () => {
  database.close();
  await scene.end();
});

test('P-1, P-2: a launch gives a pid and a table; when the configuration is reloaded, deltas are added to the total', async () => {
  const pid = await launch(client, 4, settings);
  assert.equal(typeof pid, 'number');
  assert.deepEqual(rowsOf(4), []);
  database.exec("insert into schema4_counted values ('total', 0), ('delta', 1)");
  await client.reload();
  await said('worker_spi dynamic worker 4: count in schema4_counted is now 1');
  assert.deepEqual(rowsOf(4), [{ type: 'total', value: 1 }]);
});

test('the table takes one total, totals and deltas only, and deltas wait for their total', async () => {
  await launch(client, 5, settings);
  database.exec("insert into schema5_counted values ('delta', 1), ('delta', 2)");
  await client.reload();
  database.exec("insert into schema5_counted values ('total', 100)");
  assert.throws(() => database.exec("insert into schema5_counted values ('total', 0)"), /UNIQUE/);
  assert.throws(() => database.exec("insert into schema5_counted values ('else', 0)"), /CHECK/);
  await client.reload();
  await said('worker 5: count in schema5_counted is now 103');
  assert.deepEqual(rowsOf(5), [{ type: 'total', value: 103 }]);
});

test('P-3: without a free slot a launch gives null, and nothing was registered', async () => {
  const full = await scene.postmaster({ maxWorkerProcesses: 0 });
  assert.equal(await launch(full, 4, settings), null);
  assert.deepEqual(await full.activity(), []);
});

test('P-3, P-9: a worker that cannot be started is an error that says why, never a pid, and it is not tried again', async () => {
  const nowhere = settingsFile('nowhere.json', { database: '/nowhere/test.db' });
  await assert.rejects(launch(client, 6, nowhere), {
    code: 'ERR_WORKER_NOT_STARTED',
    message: 'could not start background process',
    detail: 'worker_spi dynamic worker 6: threw, cannot open the database /nowhere/test.db',
  });
  const names = (await client.activity()).map(({ name }) => name);
  assert.ok(!names.includes('worker_spi dynamic worker 6'), names.join());
});

test('P-3: when the postmaster dies before the worker is ready, a launch is told so', async () => {
  const doomed = await scene.postmaster();
  const locked = settingsFile('locked.json', { database: 'locked.db' });
  const lock = openDatabase(join(directory, 'locked.db'));
  lock.exec('begin immediate');
  const launching = launch(doomed, 4, locked);
  const refused = assert.rejects(launching, {
    code: 'ERR_POSTMASTER_DIED',
    message: 'cannot start background processes without postmaster',
  });
  await untilAsked(async () => (await doomed.activity())[0]?.status === 'started', 'the worker waits for the lock');
  kill(doomed.postmasterPid);
  await refused;
  lock.close();
});

test('P-6, P-7: the workers of the configuration are there, and dynamic ones beside them are told apart by their type', async () => {
  await Promise.all([launch(client, 7, settings), launch(client, 8, settings)]);
  await said('worker_spi worker 2: initialized with schema2_counted');
  const rows = (await client.activity()).filter(({ name }) => /[1278]$/.test(name));
  assert.deepEqual(rows.map(({ name, type, status }) => [name, type, status]).sort(), [
    ['worker_spi dynamic worker 7', 'worker_spi dynamic', 'started'],
    ['worker_spi dynamic worker 8', 'worker_spi dynamic', 'started'],
    ['worker_spi worker 1', 'worker_spi', 'started'],
    ['worker_spi worker 2', 'worker_spi', 'started'],
  ]);
  assert.equal(new Set(rows.map(({ pid }) => pid)).size, 4);
});

test('SIGHUP makes a worker read its settings again: the new naptime counts, and settings that are wrong change nothing', async () => {
  const file = settingsFile('naptime.json', { naptimeMs: HOUR_MS });
  const pid = (await launch(client, 9, file)) ?? 0;
  writeFileSync(file, '{ "naptimeMs": 0 }');
  process.kill(pid, 'SIGHUP');
  await said('worker 9: the settings stay as they were');
  settingsFile('naptime.json', { naptimeMs: 1 });
  process.kill(pid, 'SIGHUP');
  await said('worker 9: naptime is now 1 ms');
  // The first of these may be found by the round that the signal began, the second one only by the end of a nap.
  database.exec("insert into schema9_counted values ('total', 0), ('delta', 1)");
  await said('worker 9: count in schema9_counted is now 1');
  database.exec("insert into schema9_counted values ('delta', 1)");
  await said('worker 9: count in schema9_counted is now 2');
  // It would be awake in the tests to come.
  settingsFile('naptime.json', { naptimeMs: HOUR_MS });
  process.kill(pid, 'SIGHUP');
});

test('killed in the middle of a round, and again while deltas pour in, it comes back, and each delta counts once', async () => {
  const file = settingsFile('killed.json', { naptimeMs: HOUR_MS });
  const handle = await launchForHandle(10, file);
  // The second half of a round, which removes the deltas, never comes to its end: the last of them has it count for ever.
  // By then SQLite's journal holds the pages of all of them; in the first half it holds two.
  database.exec(`
    create view for_ever as with recursive n (i) as (select 1 union all select i + 1 from n) select i from n;
    create trigger stall after delete on schema10_counted when old.value = 1000
      begin select count(*) from for_ever; end;
    insert into schema10_counted values ('total', 0), ${"('delta', 1), ".repeat(3_000)} ('delta', 1000);
  `);
  await client.reload();
  const journalBytes = (): number => statSync(`${databaseFile}-journal`, { throwIfNoEntry: false })?.size ?? 0;
  await until(() => journalBytes() > 5 * PAGE_BYTES, 'a round is half done', PATIENCE_MS);
  // Nobody may start it again before the next attempt can get further.
  kill(client.postmasterPid, 'SIGSTOP');
  kill(handle.pid);
  database.exec('drop trigger stall');
  settingsFile('killed.json', { naptimeMs: 1 });
  kill(client.postmasterPid, 'SIGCONT');
  await untilFolded(10);
  assert.deepEqual(rowsOf(10), [{ type: 'total', value: 4_000 }]);

  for (let value = 1; value <= 60; value += 1) {
    database.exec(`insert into schema10_counted values ('delta', ${value})`);
    if (value === 40) kill(handle.pid);
    // Lets what is told of the worker arrive.
    await nextTurn();
  }
  await untilFolded(10);
  assert.deepEqual(rowsOf(10), [{ type: 'total', value: 4_000 + (60 * 61) / 2 }]);
  assert.ok(handle.attempts >= 3, `${handle.attempts} attempts`);
});

test('terminated while it sleeps on its latch, it ends in order, and does not come back', async () => {
  const handle = await launchForHandle(11, settings);
  await handle.terminate();
  const { reason } = (await handle.waitForShutdown()) as { reason: { kind: string; escalated: boolean } };
  assert.deepEqual([reason.kind, reason.escalated], ['terminated', false]);
  assert.equal(handle.attempts, 1);
});

test('as a daemon: a SIGHUP wakes the workers of bgworker.config.js, and adds those that worker-spi.json now asks for', async () => {
  const project = new Project(scene);
  const example = join(root, 'examples/worker-spi');
  for (const name of readdirSync(example).filter((file) => file.endsWith('.js'))) {
    project.write(name, readFileSync(join(example, name), 'utf8'));
  }
  project.write('package.json', '{ "type": "module" }');
  mkdirSync(join(project.directory, 'node_modules'));
  symlinkSync(root, join(project.directory, 'node_modules/bgworker'));
  symlinkSync(join(root, 'node_modules/libsql'), join(project.directory, 'node_modules/libsql'));
  const log = (): string => readFileSync(join(project.home, 'bgworker.log'), 'utf8');
  const logged = (words: string): Promise<void> => until(() => log().includes(words), words, PATIENCE_MS);

  project.write('worker-spi.json', JSON.stringify({ naptimeMs: HOUR_MS, totalWorkers: 2 }));
  const { pid } = await project.start('--setting', 'spareWorkers=0');
  await logged('initialized with schema2_counted');
  const own = openDatabase(join(project.directory, 'worker-spi.db'));
  own.exec("insert into schema2_counted values ('total', 40), ('delta', 2)");
  own.close();
  project.write('worker-spi.json', JSON.stringify({ naptimeMs: HOUR_MS, totalWorkers: 3 }));
  process.kill(pid, 'SIGHUP');
  await logged('count in schema2_counted is now 42');
  await logged('initialized with schema3_counted');
});

function settingsFile(name: string, content: object): string {
  const file = join(directory, name);
  writeFileSync(file, JSON.stringify({ database: 'test.db', ...content }));
  return file;
}

/** A launch gives a pid, as in SQL; whose it is can be looked up. */
async function launchForHandle(index: number, file: string): Promise<BackgroundWorkerHandle> {
  const pid = await launch(client, index, file);
  const row = (await client.activity()).find((worker) => worker.pid === pid);
  assert.ok(row !== undefined);
  return client.handle(row.handle);
}

/** As plain objects: Node's have no prototype. */
function rowsOf(index: number): object[] {
  const rows = database.prepare(`select type, value from schema${index}_counted`).all();
  return rows.map((row) => ({ ...row }));
}

function untilFolded(index: number): Promise<void> {
  return until(() => rowsOf(index).length === 1, 'no delta is left', PATIENCE_MS);
}

function said(words: string): Promise<void> {
  return until(() => lines.some((line) => line.includes(words)), `the log says: ${words}`, PATIENCE_MS);
}
