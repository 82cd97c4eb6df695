/**
 * Updates under a running daemon, with copies of the built package as one version and the two that follow it: who is
 * served and who is refused, and what becomes of workers when the files they are started from are replaced or removed.
 */
import assert from 'node:assert/strict';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Client, WorkerStartError } from '../../src/index.js';
import type { WorkerMessage } from '../../src/protocol/index.js';
import { encodeFrame, PROTOCOL_VERSION } from '../../src/protocol/index.js';
import { isGone, until } from '../postmaster/processState.js';
import type { Project } from './support/copies.js';
import { Copies, versionAfter } from './support/copies.js';
import { PATIENCE_MS, untilAsked } from './support/patience.js';
import { familyOf, guardianOf } from './support/processes.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

/** Something hangs. */
const SUITE_MS = 180_000;
/** The one that the tests run on, which thus can ask a postmaster of it. */
const ours = versionAfter(0);
const next = versionAfter(1);
const far = versionAfter(2);

/** What `bgworker start --json` says. */
interface Daemon {
  readonly pid: number;
  readonly epoch: string;
  readonly directory: string;
}

/** A daemon of this project's version, in a directory of its own. */
async function startDaemon(scene: Scene, copies: Copies, project: Project, settings: string): Promise<Daemon> {
  const directory = copies.place('directory');
  return watched(scene, await sh(project, `bgworker start --json --directory ${directory} ${settings}`));
}

function watched(scene: Scene, started: string): Daemon {
  const daemon = JSON.parse(started) as Daemon;
  scene.watch(daemon.pid, daemon.epoch, daemon.directory);
  return daemon;
}

function logOf({ directory }: Daemon): string {
  return readFileSync(join(directory, 'bgworker.log'), 'utf8');
}

/** What a client of this project's version prints. */
async function askAs(
  scene: Scene,
  { folder }: Project,
  { directory }: { readonly directory: string },
): Promise<unknown> {
  const child = spawn(process.execPath, [join(folder, 'client.mjs'), directory]);
  scene.add(child.pid);
  return JSON.parse(await lastLine(child));
}

/** The last line that a shell prints in which `bgworker` is this project's. */
async function sh({ folder }: Project, command: string): Promise<string> {
  const path = `${join(folder, 'node_modules/.bin')}:${process.env['PATH']}`;
  return lastLine(spawn('/bin/sh', ['-c', command], { cwd: folder, env: { ...process.env, PATH: path } }));
}

async function lastLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  }
  const [code] = await once(child, 'close');
  assert.equal(code, 0, printed.stderr);
  return printed.stdout.trimEnd().split('\n').at(-1) ?? '';
}

function begin(t: TestContext): { readonly scene: Scene; readonly copies: Copies } {
  const copies = new Copies();
  const scene = sceneOf(t);
  scene.undoing(() => copies[Symbol.dispose]());
  return { scene, copies };
}

describe('updates', { concurrency: 2, timeout: SUITE_MS }, () => {
  test('a postmaster serves clients one minor version older and newer, and its workers may import those', async (t) => {
    const { scene, copies } = begin(t);
    const daemon = await startDaemon(scene, copies, copies.project(next), '-c spareWorkers=0');
    const neighbours = [copies.project(ours), copies.project(far)];
    for (const answer of await Promise.all(neighbours.map((project) => askAs(scene, project, daemon)))) {
      assert.deepEqual(answer, {
        result: { echoed: 'word', byContext: 'word', failed: [true, 'as it was told to'], startedWith: next },
        ...{ shown: 'parent', ended: 'returned', idle: 0, closed: null },
      });
    }
    assert.doesNotMatch(logOf(daemon), /"level":[456]0/);
  });

  test('two minor versions apart, client and worker are refused, and the command they are told mends it', async (t) => {
    const { scene, copies } = begin(t);
    const [old, recent] = [copies.project(ours), copies.project(far)];
    const daemon = await startDaemon(scene, copies, old, '-c spareWorkers=0');
    const { directory } = daemon;
    const answer = await askAs(scene, recent, daemon);
    const { error } = answer as { error: Record<string, unknown> & { client: { pid: number }; hint: string } };
    const { pid } = error.client;
    const command = `bgworker stop --directory ${directory} && bgworker start --directory ${directory}`;
    assert.deepEqual(error, {
      name: 'ProtocolMismatchError',
      code: 'ERR_PROTOCOL_MISMATCH',
      message: 'the postmaster and its client are versions of bgworker that do not fit',
      detail:
        `the postmaster, process ${daemon.pid}, is bgworker ${ours} (protocol ${PROTOCOL_VERSION}) in ${old.path}; ` +
        `the client, process ${pid}, is bgworker ${far} (protocol ${PROTOCOL_VERSION}) in ${recent.path}`,
      hint: `restart the postmaster: ${command} (with its --config, if it has one); or, if a program of yours started it, that program`,
      client: { version: far, path: recent.path, pid },
      postmaster: { version: ours, path: old.path, pid: daemon.pid },
    });

    const client = await scene.client(directory);
    const jobs = client.module(pathToFileURL(join(recent.folder, 'jobs.mjs')));
    await assert.rejects(jobs.launch('echo'), ({ reason }: WorkerStartError) => {
      assert.ok(reason.kind === 'moduleThrew');
      assert.equal(reason.error.code, 'ERR_TWO_COPIES');
      assert.equal(
        reason.error.fields?.['detail'],
        `the postmaster has started it with ${ours} in ${old.path}; its module imports ${far} in ${recent.path}`,
      );
      return true;
    });

    const started = watched(scene, await sh(recent, `${command} --json`));
    assert.notEqual(started.epoch, daemon.epoch);
    assert.ok(isGone(daemon.pid));
    const status = JSON.parse(await sh(recent, `bgworker status --json --directory ${directory}`));
    assert.equal(status.version, far);
  });

  test('workers are started from the files that are there: a neighbour serves, another version and none are told apart', async (t) => {
    const { scene, copies } = begin(t);
    const project = copies.project(ours);
    const daemon = await startDaemon(scene, copies, project, '-c spareWorkers=1 --config bgworker.config.mjs');
    const client = await scene.client(daemon.directory);
    const evaluated = copies.place('evaluated');
    const plain = client.module(pathToFileURL(join(project.folder, 'plain.mjs')));
    const options = { env: { EVALUATED: evaluated } };
    const replaceBy = (unpacked: string | null): void => {
      rmSync(project.path, { recursive: true });
      if (unpacked !== null) renameSync(unpacked, project.path);
    };
    const untilIdle = (): Promise<void> =>
      untilAsked(async () => (await client.spares()).idle === 1, 'a spare is idle');

    await untilIdle();
    const early = await plain.launch('usesClientLate', undefined, options);
    assert.deepEqual(early.startedFrom, { kind: 'spare' });
    await untilIdle();

    const newer = copies.unpack(next);
    teachNewWords(newer);
    replaceBy(newer);
    const second = await plain.launch('startedWith', undefined, options);
    assert.deepEqual(second.startedFrom, { kind: 'cold', because: 'spareLost' });
    assert.equal(await second.result(), next);
    assert.match(logOf(daemon), /unknown message: from the worker: type \\"ofANewerVersion\\"/);
    assert.deepEqual(await client.reload(), { changed: [], needRestart: [], workers: [] });
    // A process runs one version: what it has not loaded by now it does not take from another one.
    await early.channel.send('now');
    const late = (await early.result()) as { code: string; message: string; detail: string };
    assert.equal(late.code, 'ERR_PACKAGE_REPLACED');
    assert.match(late.detail, /boot\.cjs is not the file that it was started with/);
    await untilIdle();
    assert.equal(await plain.run('startedWith', undefined, options), next);

    await untilIdle();
    rmSync(evaluated);
    replaceBy(copies.unpack(far));
    await assert.rejects(plain.launch('startedWith', undefined, options), (error: WorkerStartError) => {
      const { reason } = error;
      assert.ok(reason.kind === 'diedBeforeRuntime');
      assert.equal(reason.error?.code, 'ERR_PROTOCOL_MISMATCH');
      const both = new RegExp(
        `process ${daemon.pid}, is bgworker ${ours} .*process ${reason.pid}, is bgworker ${far} `,
      );
      assert.match(error.message, both);
      assert.match(error.hint ?? '', /^restart the postmaster: bgworker stop --directory /);
      return true;
    });
    assert.ok(!existsSync(evaluated), 'a process that does not fit must not begin with anything');
    const saysSo = (line: string): boolean => line.includes('a spare died') && line.includes('ERR_PROTOCOL_MISMATCH');
    await until(() => logOf(daemon).split('\n').some(saysSo), 'the log says so of a spare', PATIENCE_MS);
    await assert.rejects(client.reload(), { code: 'ERR_PROTOCOL_MISMATCH' });

    replaceBy(null);
    await assert.rejects(plain.launch('startedWith', undefined, options), (error: WorkerStartError) => {
      const { reason } = error;
      assert.ok(reason.kind === 'diedBeforeRuntime');
      assert.equal(reason.error?.code, 'ERR_PACKAGE_REPLACED');
      assert.match(error.message, /the package under the postmaster was removed/);
      assert.match(reason.output, /Cannot find module/);
      return true;
    });
    await assert.rejects(client.reload(), { code: 'ERR_PACKAGE_REPLACED' });

    renameSync(copies.unpack(ours), project.path);
    assert.equal(await plain.run('startedWith', undefined, options), ours);
    await client.reload();
    await leaves(daemon, client);
  });
});

/** Its workers say what only a newer version would. */
function teachNewWords(path: string): void {
  const boot = join(path, 'dist/src/worker/boot.cjs');
  const frames = [{ type: 'ofANewerVersion' }, { type: 'progress', done: 'half' }] as unknown as WorkerMessage[];
  const words = Buffer.concat(frames.map((message) => encodeFrame(message))).toString('base64');
  const say = `sayHello();require('node:fs').writeSync(3, Buffer.from('${words}', 'base64'));`;
  writeFileSync(boot, readFileSync(boot, 'utf8').replace('sayHello();', say));
}

/** It ends in order from what it has loaded, and nothing of it stays. */
async function leaves({ pid }: Daemon, client: Client): Promise<void> {
  const guardian = guardianOf(pid);
  const { epoch } = client;
  await client.shutdown('fast');
  await until(() => isGone(pid) && (guardian === undefined || isGone(guardian)), 'it is gone', PATIENCE_MS);
  assert.deepEqual(familyOf(epoch), []);
}
