/**
 * P11: what it costs to have a postmaster: its memory over the least that can be reached (a bare `net` server of the
 * same Node), its wake-ups while nothing happens, and what a registration costs it when there are few slots and many.
 *
 * The registrations are of workers whose start time has not come, so that no process is made: an early worker that is
 * never ready keeps all others waiting.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, pause, sparesAreIdle, withPostmaster } from '../postmaster.js';
import { childrenOf, memoryOf, processorMsOf, sleepsOf } from '../processes.js';
import { idle, neverReady } from '../programs/workers.js';
import { program } from '../rivals.js';
import { inTurn, Measured } from '../rounds.js';

/** Some ten seconds after the last work V8 collects once or twice more, and gives memory back. Idle comes after. */
const SETTLE_MS = 10_000;
/** How often it may take ten seconds more until nothing happens. What wakes up for ever does so in the last one too. */
const WINDOWS = 4;
const FRESH_MS = 1_000;
const IDLE_MS = 10_000;
const SPARES = 2;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P11',
  title: 'the postmaster: memory, idle wake-ups, registrations',
  rounds: 7,
  async measure({ rounds }) {
    const resting = await atRest(rounds);
    const registrations = await registering(rounds);
    const overBare = resting.median('postmaster: private') - resting.median('bare server: private');
    const cost = (slots) => registrations.median(`${slots} slots: processor of the postmaster`);
    const perSecond = 1e6 / registrations.median('10,000 slots, 64 under way: by the clock');
    return {
      value: overBare,
      unit: 'MiB',
      goals: [
        { what: 'MiB private over a bare net server', is: overBare, atMost: 14 },
        { what: 'MiB resident', is: resting.median('postmaster: resident'), atMost: 60 },
        { what: 'wake-ups in 10 s of idleness', is: resting.median('postmaster: wake-ups'), atMost: 0 },
        { what: 'times the cost at 10 slots, at 10,000', is: cost('10,000') / cost('10'), atMost: 1.5 },
        { what: 'register and terminate a second, by the clock', is: perSecond, atLeast: 5_000 },
      ],
      sides: [...resting.sides(), ...registrations.sides()],
      notes: [
        'The limit is the bare server itself. `fresh` is a second after the start, before V8 gave back what it needed for it.',
        'A wake-up is a voluntary context switch of any thread of the postmaster, its guardian and its spares ' +
          '(/proc/<pid>/task/*/status), counted for ten seconds with an idle client attached. Counting begins ten seconds after the start, and again ' +
          `until nothing happened, ${WINDOWS} times at most: V8 collects once or twice more when all is quiet.`,
        'A registration is of a worker whose start time has not come; each is terminated and its end waited for. Beside ' +
          'the time by the clock stands the processor time of the postmaster, which does not depend on who else runs.',
      ],
    };
  },
};

/** All of them side by side, so that they come to rest together. */
async function atRest(count) {
  const sides = {
    postmaster: postmasterAtRest(0),
    [`postmaster with ${SPARES} spares`]: postmasterAtRest(SPARES),
    'bare server': (measure) => withServer((pid) => measure(pid, [pid])),
  };
  const found = await Promise.all(
    Object.entries(sides).flatMap(([side, start]) =>
      Array.from({ length: count }, async () =>
        Object.entries(await start(look)).map(([part, value]) => [`${side}: ${part}`, value]),
      ),
    ),
  );
  const units = { 'private, fresh': 'MiB', private: 'MiB', resident: 'MiB', 'wake-ups': '' };
  return Measured.of(found.flat(), (name) => units[name.slice(name.lastIndexOf(':') + 2)]);
}

function postmasterAtRest(spareWorkers) {
  return (measure) =>
    withPostmaster({ spareWorkers }, async (client) => {
      if (spareWorkers > 0) await sparesAreIdle(client);
      // The guardian and the spares are its children, and what they do is its doing.
      return measure(client.postmasterPid, [client.postmasterPid, ...childrenOf(client.postmasterPid)]);
    });
}

async function look(pid, family) {
  await pause(FRESH_MS);
  const fresh = memoryOf(pid).privateMib;
  await pause(SETTLE_MS);
  let wakeups = await wakeupsOf(family);
  for (let window = 1; wakeups > 0 && window < WINDOWS; window += 1) wakeups = await wakeupsOf(family);
  const { privateMib, residentMib } = memoryOf(pid);
  return { 'private, fresh': fresh, private: privateMib, resident: residentMib, 'wake-ups': wakeups };
}

async function wakeupsOf(family) {
  const before = family.map(sleepsOf);
  await pause(IDLE_MS);
  return family.map(sleepsOf).reduce((sum, count, n) => sum + count - before[n], 0);
}

async function withServer(use) {
  const folder = mkdtempSync(join(tmpdir(), 'bgworker-bench-'));
  const server = fork(program('idle-server.js'), [join(folder, 'socket')], { stdio: 'ignore' });
  try {
    await once(server, 'message');
    return await use(server.pid);
  } finally {
    server.kill('SIGKILL');
    await once(server, 'exit');
    rmSync(folder, { recursive: true, force: true });
  }
}

const FEW = 10;
const MANY = 10_000;
const UNDER_WAY = 64;
const ALONE = 300;
const TOGETHER = 3_000;

async function registering(rounds) {
  const early = { worker: neverReady, startTime: 'postmasterStart', readiness: 'explicit' };
  const settings = (slots) => ({ spareWorkers: 0, maxWorkerProcesses: slots, workers: [early], finalWordsKept: 100 });
  return withPostmaster(settings(FEW), (few) =>
    withPostmaster(settings(MANY), async (many) => {
      // One slot is the early worker's; one stays free, and is the last that a search would find.
      await fill(few, FEW - 2);
      await fill(many, MANY - 2 - UNDER_WAY);
      return inTurn(rounds, 'µs', {
        '10 slots': () => registration(few, ALONE, 1),
        '10,000 slots': () => registration(many, ALONE, 1),
        '10,000 slots, 64 under way': () => registration(many, TOGETHER, UNDER_WAY),
      });
    }),
  );
}

async function fill(client, count) {
  for (let left = count; left > 0; left -= 100) {
    await Promise.all(Array.from({ length: Math.min(100, left) }, () => client.register(idle)));
  }
  const rows = await client.activity();
  check(rows.length === count + 1, `${rows.length} slots are taken, and not ${count + 1}`);
  const started = rows.filter(({ pid }) => pid !== null).length;
  check(started === 1, `${started} have a process, where only the early one may have started`);
}

/** What one costs, in microseconds. */
async function registration(client, count, underWay) {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const handle = await client.register(idle);
      await handle.terminate();
      const { reason } = await handle.waitForShutdown();
      check(reason?.kind === 'terminatedBeforeStart', `it ended as ${reason?.kind}`);
    }
  };
  const started = performance.now();
  const processorBefore = processorMsOf(client.postmasterPid);
  await Promise.all(Array.from({ length: underWay }, lane));
  return {
    'by the clock': ((performance.now() - started) / count) * 1_000,
    'processor of the postmaster': ((processorMsOf(client.postmasterPid) - processorBefore) / count) * 1_000,
  };
}
