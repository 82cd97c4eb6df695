/**
 * Chaos on real processes. Postmasters, embedded in applications and in directories of their own, with clients that
 * register, wait, terminate, restart and talk through channels, while workers, spares, clients, guardians and
 * postmasters are killed at random with random signals. In the end: no wait has hung, no process, descriptor or directory is left, and
 * no notification was lost in silence.
 *
 * `npm run chaos -- --minutes 10 --seed 7`; chaos.test.ts runs some seconds of it. The seed decides what is done and in
 * which order; when the processes do their part is up to the machine, so a seed tends to find its fault again, and does
 * not have to.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Client, PostmasterSettings } from '../../src/index.js';
import { connect, startPostmaster } from '../../src/index.js';
import { isGone, stateOf } from '../postmaster/processState.js';
import type { Tally } from './support/actor.js';
import { Actor } from './support/actor.js';
import { fixturePath } from './support/fixtures.js';
import { commandOf, familyOf, guardianOf, kill, openDescriptors } from './support/processes.js';
import type { Random } from './support/random.js';
import { randomFrom } from './support/random.js';
import { Scene } from './support/scene.js';

export interface ChaosResult {
  readonly counts: Readonly<Record<string, number>>;
  /** What must not be; empty if all is well. */
  readonly findings: readonly string[];
}

const GRACE_MS = 300;
/** Longer than anything takes here: what has not come by then does not come. */
const PATIENCE_MS = 30_000;

const SETTINGS: PostmasterSettings = {
  output: 'ignore',
  logLevel: 'silent',
  maxWorkerProcesses: 12,
  spareWorkers: 2,
  postmasterDeathGraceMs: GRACE_MS,
};

export async function chaos(seconds: number, seed: number): Promise<ChaosResult> {
  const scene = new Scene();
  const findings: string[] = [];
  const tally: Tally = { counts: {}, findings };
  const endAt = performance.now() + 1_000 * seconds;
  const random = randomFrom(seed);
  try {
    // What the first use of everything opens for good is no leak.
    await round(scene, tally, random, performance.now() + 500);
    const before = openDescriptors(process.pid);
    while (performance.now() < endAt && findings.length === 0) {
      await round(scene, tally, random, Math.min(endAt, performance.now() + 3_000));
    }
    await settled(() => openDescriptors(process.pid) <= before);
    const after = openDescriptors(process.pid);
    if (after > before) findings.push(`descriptors grew from ${before} to ${after}`);
  } finally {
    await scene.end();
  }
  return { counts: tally.counts, findings };
}

/** One life of one postmaster, with everything around it. */
async function round(scene: Scene, tally: Tally, random: Random, endAt: number): Promise<void> {
  const { counts, findings } = tally;
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const isEmbedded = random() < 0.5;
  const application = isEmbedded ? await scene.application({ settings: SETTINGS }) : undefined;
  const own = isEmbedded ? undefined : await startPostmaster({ ...SETTINGS, directory: scene.directory() });
  const { directory, epoch, postmasterPid } = application ?? (own as Client);
  scene.watch(postmasterPid, epoch, directory);
  count(isEmbedded ? 'postmasters in applications' : 'postmasters with directories');

  const clients = await Promise.all([1, 2].map(() => connect({ directory })));
  if (own !== undefined) clients.push(own);
  const actors = clients.map((client) => new Actor(client, tally, random));
  const others: ChildProcess[] = [];
  const work = actors.map((actor) => actor.actUntil(endAt));

  while (performance.now() < endAt) {
    await sleep(10 + 60 * random());
    const dice = random();
    if (dice < 0.55) {
      const victims = familyOf(epoch);
      const victim = victims[Math.floor(random() * victims.length)];
      const signal = SIGNALS[Math.floor(random() * SIGNALS.length)] ?? 'SIGKILL';
      if (victim !== undefined) count(`${isSpare(victim) ? 'spares' : 'workers'} sent ${signal}`);
      kill(victim, signal);
    } else if (dice < 0.65) {
      kill(guardianOf(postmasterPid));
      count('guardians killed');
      // Five in ten seconds are too many for any postmaster: it gives up, and says so.
      await sleep(400);
    } else if (dice < 0.75) {
      kill(postmasterPid, 'SIGSTOP');
      await sleep(30 * random());
      kill(postmasterPid, 'SIGCONT');
      count('postmasters stopped and continued');
    } else if (dice < 0.85 && others.length < 3) {
      const job = JSON.stringify({
        directory,
        workers: [{ name: 'idle' }, { name: 'idle', options: { lifetime: 'client' } }],
      });
      const child = fork(fixturePath('client.mjs'), [job], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
      child.on('error', () => {});
      scene.add(child.pid);
      others.push(child);
      count('other clients started');
    } else if (others.length > 0) {
      others.pop()?.kill('SIGKILL');
      count('other clients killed');
    }
  }

  // Stopped workers can be terminated as well; this is about those that nobody would wake.
  const how = random();
  let howItEnded = 'when the postmaster was killed';
  if (how < 0.35) {
    count('postmasters killed');
    kill(postmasterPid);
  } else if (application !== undefined && how < 0.7) {
    howItEnded = 'when the application was killed';
    count('applications killed');
    if (random() < 0.5) kill(postmasterPid, 'SIGSTOP');
    kill(application.pid);
  } else {
    howItEnded = 'when the postmaster was shut down';
    count('postmasters shut down');
    const mode = random() < 0.5 ? 'fast' : 'immediate';
    await withinPatience(clients[0]?.shutdown(mode));
  }
  if (!(await settled(() => actors.every((actor) => actor.waiting === 0)))) {
    findings.push(...actors.flatMap((actor) => actor.hung()).map((what) => `a wait hung: ${what}`));
  }
  await withinPatience(Promise.all(work));
  for (const child of others) {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await gone;
  }
  if (!(await settled(() => isGone(postmasterPid) && familyOf(epoch).length === 0))) {
    const orphans = familyOf(epoch).map((pid) => `${pid} (${stateOf(pid)}, ${commandOf(pid)})`);
    findings.push(`left over ${howItEnded}: ${orphans.join(', ')}; the postmaster is ${stateOf(postmasterPid)}`);
  }
  for (const client of clients) await client.close();
  kill(application?.pid);
  if (isEmbedded && !(await settled(() => !existsSync(directory))))
    findings.push(`${directory} was left: ${readdirSync(directory)}`);
}

function isSpare(pid: number): boolean {
  return commandOf(pid) === 'bgworker: spare';
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGSEGV', 'SIGSTOP', 'SIGCONT', 'SIGINT', 'SIGHUP'];

async function withinPatience(promise: Promise<unknown> | undefined): Promise<void> {
  const controller = new AbortController();
  const patience = sleep(PATIENCE_MS, undefined, { signal: controller.signal }).catch(() => {});
  await Promise.race([promise, patience]);
  controller.abort();
}

async function settled(condition: () => boolean): Promise<boolean> {
  const limitAt = performance.now() + PATIENCE_MS;
  while (performance.now() < limitAt) {
    if (condition()) return true;
    await sleep(10);
  }
  return condition();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const seed = Number(values.seed);
  console.log(`chaos: seed ${seed}, ${values.minutes} minutes`);
  const { counts, findings } = await chaos(60 * Number(values.minutes), seed);
  for (const [what, times] of Object.entries(counts).sort()) console.log(`${String(times).padStart(8)} ${what}`);
  console.log(findings.length === 0 ? 'nothing found' : `FOUND, with seed ${seed}:\n${findings.join('\n')}`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
