/** The commands that start, watch and end workers of a running postmaster, as a script sees them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client, RegisterOptions } from '../../src/index.js';
import { isGone } from '../postmaster/processState.js';
import { fixturePath, fixtureUrl } from './support/fixtures.js';
import { untilAsked, untilPhase } from './support/patience.js';
import type { Ran } from './support/project.js';
import { finished, Project } from './support/project.js';
import { Scene, sceneOf } from './support/scene.js';

const MODULE = fixturePath('commands.mjs');
/** Something hangs. */
const SUITE_MS = 180_000;

describe('a worker at the command line', { concurrency: 3, timeout: SUITE_MS }, () => {
  const scene = new Scene();
  let project: Project;
  let client: Client;

  before(async () => {
    project = new Project(scene, {});
    client = await scene.postmaster({ directory: project.home, maxWorkerProcesses: 64 });
  });
  after(() => scene.end());

  const register = (name: string, arg?: unknown, options: RegisterOptions = {}) =>
    client.module(fixtureUrl('commands.mjs')).register(name, arg, options);

  test('launch prints the handle alone, and the worker has what its options say', async () => {
    const { stdout, stderr } = await project.run(
      ...['launch', `${MODULE}#tells`, '--name', 'teller', '--class', 'talk', '--cwd', '/tmp', '--restart', 'never'],
      ...['--env', 'COLOUR=red', 'SHAPE=a=b', '--set', 'days=30', '--output', 'ignore', '--terminate-timeout-ms', '50'],
    );
    assert.equal(stderr, '');
    assert.match(stdout, /^[0-9a-z]+:\d+:\d+\n$/);
    const said = await project.json('wait', stdout.trim());
    const { pid, ...known } = said;
    assert(Number(pid) > 1);
    assert.deepEqual(known, {
      handle: stdout.trim(),
      name: 'teller',
      status: 'stopped',
      phase: 'running',
      reason: null,
      willRestart: false,
      retryAt: null,
      exit: { code: 0, signal: null },
      result: { name: 'teller', arg: { days: 30 }, cwd: '/tmp', colour: 'red' },
      problem: null,
      timedOut: false,
    });
  });

  test('launch of what cannot be started exits with 70: nothing on standard output, and what, why, where', async () => {
    const again = ['--restart', 'onFailure', '--restart-time-ms', '600000'];
    const { code, stdout, stderr } = await project.run('launch', `${MODULE}#idel`, ...again);
    assert.deepEqual([code, stdout], [70, '']);
    assert.match(stderr, /commands\.mjs#idel could not be started: its module has no export idel/);
    assert.match(stderr, /hint: did you mean .*#idle\?/);
    const [, handle = ''] = /to end it: bgworker terminate (\S+)/.exec(stderr) ?? [];
    assert.equal((await client.handle(handle)).status, 'stopped');
    const ended = await project.run('terminate', handle);
    assert.deepEqual([ended.code, ended.stdout], [0, `"idel" (${handle}) was terminated\n`]);
  });

  test('launch --no-wait registers only; --json says how far it is', async () => {
    const said = await project.json('launch', `${MODULE}#idle`, '--name', 'registered', '--no-wait');
    assert.deepEqual([said['status'], said['name'], said['reason']], ['notYetStarted', 'registered', null]);
    await (await client.handle(String(said['handle']))).waitForStartup();
  });

  test('launch goes by --if-name-taken', async () => {
    const first = await register('idle', undefined, { name: 'single' });
    const launch = (what: string): Promise<Ran> =>
      project.run('launch', `${MODULE}#idle`, '--name', 'single', '--if-name-taken', what);
    const refused = await launch('throw');
    assert.equal(refused.code, 70);
    assert.match(refused.stderr, /\(ERR_NAME_TAKEN\)/);
    assert.match(refused.stderr, /hint: use --if-name-taken useIt or replace, or another --name\n$/);
    assert.equal((await launch('useIt')).stdout, `${first.id}\n`);
    assert.notEqual((await launch('replace')).stdout, `${first.id}\n`);
    assert.equal((await first.waitForShutdown()).status, 'stopped');
  });

  test('launch that is interrupted leaves no worker behind', async () => {
    const launching = project.spawn(['launch', fixturePath('loadsForever.mjs'), '--name', 'endless']);
    const ended = finished(launching);
    for await (const { name, handle, phase } of client.subscribe()) {
      if (name !== 'endless' || phase !== 'loading') continue;
      launching.kill('SIGINT');
      const { code, stderr } = await ended;
      assert.equal(code, 130, stderr);
      const end = await (await client.handle(handle)).waitForShutdown();
      assert.equal(end.status === 'stopped' && end.reason.kind, 'terminatedBeforeStart');
      break;
    }
  });

  test('wait exits as the worker did', async () => {
    const missing = await client.module(fixtureUrl('isNotThere.mjs')).register('default');
    const cases: readonly (readonly [worker: { readonly id: string }, code: number, says: RegExp])[] = [
      [await register('ends', { code: 3 }), 3, /exited with code 3/],
      [await register('fails', 'no'), 1, /threw RangeError: no\n {4}at fails .*\n.*\n {2}it printed:\n {4}on its way/],
      [missing, 70, /could not be started: there is no such file\n {2}\/.*isNotThere\.mjs\n {2}process /],
      [{ id: `${client.epoch}:9999:1` }, 69, /ERR_UNKNOWN_WORKER/],
    ];
    const waits = await Promise.all(cases.map(([{ id }]) => project.run('wait', id)));
    for (const [index, [, code, says]] of cases.entries()) {
      assert.equal(waits[index]?.code, code, waits[index]?.stderr);
      assert.match(waits[index]?.stderr ?? '', says);
    }
  });

  test('wait --until waits for a step of its start, or for the next death', async () => {
    const ready = await register('idle', undefined, { name: 'steps', restart: 'always', restartTimeMs: 0 });
    await untilPhase(ready, 'ready');
    assert.equal((await project.run('wait', 'steps', '--until', 'ready')).code, 0);
    const resting = await register('ends', { code: 4 }, { restart: 'always', restartTimeMs: 50 });
    const died = await project.run('wait', resting.id, '--until', 'nextDeath');
    assert.equal(died.code, 4);
    assert.match(died.stderr, /is started again/);
  });

  test('wait --timeout gives up with 124, and says how the worker is; the worker is left alone', async () => {
    const handle = await register('idle');
    await untilPhase(handle, 'ready');
    const { code, stdout, stderr } = await project.run('wait', handle.id, '--timeout', '1', '--json');
    assert.equal(code, 124);
    assert.match(stderr, /"idle" \(.*\) has not ended within 1 ms: started, phase ready/);
    const { timedOut, status } = JSON.parse(stdout);
    assert.deepEqual([timedOut, status], [true, 'started']);
    assert.equal((await handle.getPid()).status, 'started');
  });

  test('a name that several workers have ends nobody, and the error lists their handles', async () => {
    const one = await register('idle', undefined, { name: 'twin' });
    const other = await register('idle', undefined, { name: 'twin' });
    const single = await register('idle', undefined, { name: 'onlyChild' });
    const { code, stderr } = await project.run('terminate', 'onlyChild', 'twin');
    assert.equal(code, 64);
    assert.match(stderr, new RegExp(`ERR_AMBIGUOUS_NAME[\\s\\S]*${one.id} .*${other.id} `));
    assert.notEqual((await single.getPid()).status, 'stopped');
    const both = await project.run('terminate', 'onlyChild', one.id, one.id, '--json');
    const told = both.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(told.map(({ handle, reason }) => [handle, reason.kind]).sort(), [
      [one.id, 'terminated'],
      [single.id, 'terminated'],
    ]);
  });

  test('terminate --timeout 0 kills; --no-wait does not wait for the end', async () => {
    const handle = await register('stubborn', undefined, { terminateTimeoutMs: 600_000 });
    await untilPhase(handle, 'ready');
    const asked = await project.run('terminate', handle.id, '--no-wait');
    assert.deepEqual([asked.code, asked.stdout], [0, `"stubborn" (${handle.id}) has been asked to stop\n`]);
    assert.equal((await handle.getPid()).status, 'started');
    const killed = await project.run('terminate', handle.id, '--timeout', '0');
    assert.equal(killed.stdout, `"stubborn" (${handle.id}) was terminated, and killed since it did not stop\n`);
    assert(isGone(handle.pid ?? 0));
  });

  test('restart of several tells of each: that one cannot be is no end of the others', async () => {
    const idle = await register('idle', undefined, { name: 'lives\u001b[31m' });
    const gone = await register('idle', undefined, { name: 'gone' });
    await gone.terminate();
    await gone.waitForShutdown();
    const { code, stdout, stderr } = await project.run('restart', idle.id, gone.id);
    assert.equal(code, 69);
    assert.match(stdout, /lives.* has started again, process/);
    assert.match(stderr, /^bgworker: background worker "gone" has ended for good/);
    const taken = await project.run('launch', `${MODULE}#idle`, '--class', `${'x'.repeat(300)}\u001b[31m`);
    assert.ok(!taken.stderr.includes('\u001b'), taken.stderr);
  });

  test('restart ends the process and waits for the next one, whatever the policy, and starts one that rests', async () => {
    const running = await register('idle', undefined, { name: 'again' });
    await running.waitForStartup();
    const { pid } = running;
    const resting = await register('ends', { code: 3 }, { restart: 'onFailure', restartTimeMs: 600_000 });
    await resting.waitForShutdown({ until: 'nextDeath' });
    const { code, stdout } = await project.run('restart', 'again', resting.id);
    assert.equal(code, 0);
    const [, next = ''] = /"again" \(.*\) has started again, process (\d+)\n/.exec(stdout) ?? [];
    assert.notEqual(Number(next), pid);
    assert(isGone(pid ?? 0));
    assert.equal((await running.getPid()).pid, Number(next));
    assert.equal(resting.attempts, 2);
    const misspelt = await project.run('restart', 'agian');
    assert.equal(misspelt.code, 69);
    assert.match(misspelt.stderr, /ERR_UNKNOWN_WORKER[\s\S]*did you mean again\?/);
  });
});

describe('the end of the postmaster at the command line', { concurrency: 2, timeout: SUITE_MS }, () => {
  test('who waits and who follows exits with 69 when it died', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, {});
    const { postmasterPid, workers } = await scene.application({
      settings: { directory: project.home },
      workers: [{ name: 'idle' }],
    });
    const commands = [
      ['wait', 'idle'],
      ['events', '-f', '--json'],
    ].map((words) => project.spawn(words));
    const ends = commands.map(finished);
    const observer = await scene.client(project.home);
    // Beside the two: the application, and the one who asks.
    await untilAsked(async () => (await observer.postmasterStatus()).clients === 4, 'both are attached');
    process.kill(postmasterPid, 'SIGKILL');
    const [waited, followed] = await Promise.all(ends);
    assert.equal(waited?.code, 69, waited?.stderr);
    assert.equal(followed?.code, 69, followed?.stderr);
    assert.match(followed?.stderr ?? '', /ERR_POSTMASTER_DIED/);
    assert.match(followed?.stdout ?? '', new RegExp(`^({"handle":"${workers[0]?.handle}".*\\n)?$`));
  });

  test('events -f tells each step of each worker once, and ends with the postmaster', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, {});
    const client = await scene.postmaster({ directory: project.home });
    const module = client.module(fixtureUrl('commands.mjs'));
    await untilPhase(await module.register('idle'), 'ready');
    const json = project.spawn(['events', '-f', '--json']);
    const people = project.spawn(['events', '-f']);
    const followed = [finished(json), finished(people)];
    await Promise.all([json, people].map((child) => new Promise((resolve) => child.stdout?.once('data', resolve))));
    await (await module.register('ends', { code: 3 }, { name: 'short' })).waitForShutdown();
    const once = await project.run('events');
    assert.match(once.stdout, /^\d\d:\d\d:\d\d\.\d{3} {2}\S+:0:1 {2}idle: ready, process \d+\n$/);
    await client.shutdown('fast');
    const [asJson, asText] = await Promise.all(followed);
    assert.deepEqual([asJson?.code, asText?.code], [0, 0], asJson?.stderr);
    const events = (asJson?.stdout ?? '')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const steps = events.map(({ name, sequence, status, phase, final, missed }) => {
      assert.equal(missed, 0);
      return `${name} ${sequence} ${status} ${phase} ${final}`;
    });
    assert.deepEqual(steps, [...new Set(steps)]);
    assert.deepEqual(
      steps.filter((step) => step.startsWith('short')),
      [
        'short 1 notYetStarted forked false',
        'short 2 notYetStarted loading false',
        'short 3 started running false',
        'short 4 stopped null true',
      ],
    );
    assert.match(steps.at(-1) ?? '', /^idle \d+ stopped null true$/);
    assert.match(asText?.stdout ?? '', /short: starting, .*\n.*short: started, .*\n.*short: exited with code 3/);
    assert.match(asText?.stdout ?? '', /idle: was stopped by the postmaster's shutdown \(fast\)\n$/);
  });
});
