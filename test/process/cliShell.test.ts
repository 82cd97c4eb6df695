/** The command among others in a shell: pipes, completion, the log of who is dead, words that are wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fixtureUrl } from './support/fixtures.js';
import { untilPhase } from './support/patience.js';
import type { Ran } from './support/project.js';
import { COMMAND, finished, Project } from './support/project.js';
import type { Scene } from './support/scene.js';
import { sceneOf } from './support/scene.js';

/** Something hangs. */
const SUITE_MS = 180_000;

describe('bgworker in a shell', { concurrency: 3, timeout: SUITE_MS }, () => {
  test('ends quietly when its reader is gone, and a worker that it runs is asked to stop first', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, {});
    const client = await scene.postmaster({ directory: project.home });
    const module = client.module(fixtureUrl('commands.mjs'));
    await untilPhase(await module.register('idle'), 'ready');
    const following = bash(scene, project, 'bgworker events -f | (head -1; echo enough); echo $PIPESTATUS');
    await new Promise((resolve) =>
      following.child.stdout?.on('data', (text) => `${text}`.includes('enough') && resolve(null)),
    );
    // Like any other program it finds out when it writes.
    await (await module.register('idle')).waitForStartup();
    const followed = await following.ended;
    assert.match(followed.stdout, /^.*idle: ready.*\nenough\n141\n$/);
    assert.equal(followed.stderr, '');
    project.write(
      'talks.mjs',
      "import { writeFileSync } from 'node:fs';\n" +
        'export default async (ctx) => {\n' +
        "  for (; !ctx.signal.aborted; await ctx.sleep(1).catch(() => {})) console.log('talk');\n" +
        "  writeFileSync('stopped', 'in order');\n" +
        '};\n',
    );
    const ran = await bash(scene, project, 'bgworker run ./talks.mjs | head -1; echo $PIPESTATUS; cat stopped').ended;
    assert.equal(ran.stdout, 'talk\n141\nin order');
    const full = await bash(scene, project, 'bgworker --version > /dev/full').ended;
    assert.equal(full.code, 74);
    assert.match(full.stderr, /^bgworker: the output cannot be written: ENOSPC/);
  });

  test('says so where its working directory is gone', async (t) => {
    const scene = sceneOf(t);
    const gone = 'mkdir gone; cd gone; rmdir ../gone; bgworker run ./jobs.js; echo $?; bgworker status; echo $?';
    const { stdout, stderr } = await bash(scene, new Project(scene), gone).ended;
    assert.equal(stdout, '64\n64\n');
    // Of a shell between the two there may be lines of its own.
    assert.equal(
      stderr.match(/^bgworker: the working directory is no longer there \(ERR_USAGE\)\nhint: /gm)?.length,
      2,
    );
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  test('words that are wrong are usage errors that say what was meant; without any there is help', async (t) => {
    const project = new Project(sceneOf(t));
    const [unknown, missing, alone] = await Promise.all([
      project.run('lauch'),
      project.run('launch', '--set', 'a=1', './jobs.js'),
      project.run(),
    ]);
    for (const { code, stdout } of [unknown, missing, alone]) assert.deepEqual([code, stdout], [64, '']);
    assert.match(unknown.stderr, /Did you mean launch\?/);
    assert.match(missing.stderr, /usage: bgworker launch <module>\[#export\] \[options\]/);
    assert.match(alone.stderr, /^Usage: bgworker <command>[\s\S]*\n {2}events +/);
    assert(alone.stderr.split('\n').length <= 30 && alone.stderr.split('\n').every((line) => line.length <= 80));
  });

  test('completes commands, options, choices, modules, and the names and handles of workers', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, {});
    const client = await scene.postmaster({ directory: project.home });
    const module = client.module(fixtureUrl('commands.mjs'));
    const names = ['prune', 'twin', 'twin'];
    const workers = await Promise.all(names.map((name) => module.register('idle', undefined, { name })));
    const handles = workers.map(({ id }) => id);
    for (const name of ['jobs.js', 'jokes.txt', 'more.mts']) project.write(name, '');
    mkdirSync(join(project.directory, 'jobs'));
    const lines: readonly (readonly [typed: string, offered: string])[] = [
      ['bgworker la', 'launch'],
      ['bgworker launch --if', '--if-name-taken'],
      ['bgworker launch ./jobs.js --restart ', 'always never onFailure'],
      ['bgworker launch ./jobs.js --restart=on', 'onFailure'],
      ['bgworker launch ./jo', './jobs ./jobs.js'],
      ['bgworker ps --directory ./jo', './jobs'],
      ['bgworker wait ', ['prune', ...handles].sort().join(' ')],
      // Bash has broken the word behind the colon, and is given what comes there.
      [`bgworker terminate prune ${client.epoch}:0`, '0:1'],
      [`bgworker wait --directory ${scene.directory()} pr`, ''],
      ['bgworker completion ', 'bash'],
      ['bgworker launch --name ', ''],
    ];
    const script = [
      'eval "$(bgworker completion bash)"',
      `offer() { COMP_LINE=$1 COMP_POINT=999 COMP_WORDBREAKS=' =:'; _bgworker; echo "\${COMPREPLY[@]}"; }`,
      ...lines.map(([typed]) => `offer '${typed}'`),
    ];
    const { stdout, stderr } = await bash(scene, project, script.join('\n')).ended;
    assert.equal(stderr, '');
    const offered = stdout.split('\n').map((line) => line.split(' ').sort().join(' '));
    for (const [index, [typed, wanted]] of lines.entries()) assert.equal(offered[index], wanted, typed);
  });

  test('logs reads what a dead postmaster wrote, and follows it when it is put away', async (t) => {
    const project = new Project(sceneOf(t), {});
    const none = await project.run('logs');
    assert.equal(none.code, 69);
    assert.match(
      none.stderr,
      /ERR_NO_LOG[\s\S]*no postmaster is running there either[\s\S]*hint: start one: bgworker start/,
    );
    mkdirSync(project.home);
    const log = join(project.home, 'bgworker.log');
    writeFileSync(log, `${entry('started')}\nprinted\n${entry('stopped')}\n`);
    const [last, json] = await Promise.all([
      project.run('logs', '-n', '2'),
      project.run('logs', '-n', 'all', '--json'),
    ]);
    assert.deepEqual([last.code, last.stderr], [0, '']);
    assert.match(last.stdout, /^printed\n[\d-]{10} [\d:.]{12} INFO {2}stopped\n$/);
    assert.equal(json.stdout, `${entry('started')}\n{"raw":"printed"}\n${entry('stopped')}\n`);

    const child = project.spawn(['logs', '-f', '-n', '1', '--json']);
    const ended = finished(child);
    const lines = readLines(child);
    assert.equal((await lines.next()).value, entry('stopped'));
    appendFileSync(log, 'before\n');
    copyFileSync(log, `${log}.1`);
    truncateSync(log);
    appendFileSync(log, `${entry('behind')}\n`);
    assert.equal((await lines.next()).value, '{"raw":"before"}');
    assert.equal((await lines.next()).value, entry('behind'));
    rmSync(project.home, { recursive: true });
    const { code, stderr } = await ended;
    assert.equal(code, 69);
    assert.match(stderr, /\.bgworker is gone\n$/);
  });

  test('logs says where the lines are of a postmaster that writes none', async (t) => {
    const scene = sceneOf(t);
    const project = new Project(scene, {});
    await scene.postmaster({ directory: project.home });
    const none = await project.run('logs');
    assert.equal(none.code, 69);
    assert.match(none.stderr, /hint: it was started with --foreground, or by a program: .*journalctl/);
    const old = join(project.home, 'bgworker.log');
    writeFileSync(old, 'of an earlier one\n');
    utimesSync(old, 1, 1);
    const stale = await project.run('logs');
    assert.deepEqual([stale.code, stale.stdout], [0, 'of an earlier one\n']);
    assert.match(stale.stderr, /an earlier postmaster's log/);
  });
});

function entry(msg: string): string {
  return JSON.stringify({ level: 30, time: 1_700_000_000_000, pid: 1, name: 'bgworker', msg });
}

async function* readLines(child: ReturnType<typeof spawn>): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const text of child.stdout ?? []) {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** With `bgworker` in its path, in the folder of the project. */
function bash(
  scene: Scene,
  project: Project,
  script: string,
): { readonly child: ReturnType<typeof spawn>; readonly ended: Promise<Ran> } {
  const bin = scene.directory();
  writeFileSync(join(bin, 'bgworker'), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND}' "$@"\n`);
  chmodSync(join(bin, 'bgworker'), 0o755);
  const { BGWORKER_DIR: _, ...env } = process.env;
  const child = spawn('bash', ['-c', script], {
    cwd: project.directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, PATH: `${bin}:${env['PATH']}` },
  });
  scene.add(child.pid);
  return { child, ended: finished(child) };
}
