/**
 * `node bench/launch-path.js [cold | warm] [--rounds N] [--preload]`: where the time of one start goes, step by step.
 *
 * The processes run as they are shipped. Each is only given programs/trace.js with `--import`, which notes when bytes
 * came in and went out on the descriptors between client, postmaster and worker, and writes its notes at the end; all
 * of them share one clock. What one step takes is the median over the rounds; the steps follow one another without a
 * gap, but for the function, which is entered while the word of it is on its way. `atBest` is the fastest tenth, for a
 * machine that has other work. A note costs some microseconds, and the tracing file a millisecond or two of a cold boot.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '30' }, preload: { type: 'boolean', default: false } },
});
const isWarm = positionals[0] === 'warm';

const folder = mkdtempSync(join(tmpdir(), 'bgworker-bench-'));
process.env.TMPDIR = folder;
delete process.env.XDG_RUNTIME_DIR;
process.env.BENCH_TRACE = folder;
process.env.NODE_OPTIONS = `--import ${new URL('./programs/trace.js', import.meta.url).href}`;
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const { check, now, sparesAreIdle, withPostmaster } = await import('./postmaster.js');
const { entered } = await import('./programs/entered.js');
const { median, quantile } = await import('./statistics.js');

/** What is noted, in the order of a start. */
const STEPS = [
  ['client', 'asked', 'register() is called'],
  ['postmaster', 'in register', 'client → postmaster: the request is here'],
  ['postmaster', 'spawned', 'the process is made (cold)'],
  ['postmaster', 'out job', 'the job is written to the worker'],
  ['worker', 'booted', 'Node is up and runs its first file (cold)'],
  ['worker', 'out hello', 'the worker says hello (cold)'],
  ['worker', 'in job', 'postmaster → worker: the job is here'],
  ['worker', 'out loading', 'the process has become that worker'],
  ['worker', 'out entered', 'the module is loaded, the export found'],
  ['worker', 'function', 'the function is entered (meanwhile)'],
  ['postmaster', 'in entered', 'worker → postmaster: that is heard'],
  ['postmaster', 'out entered', 'the client is told'],
  ['client', 'known', 'postmaster → client: waitForStartup() resolves'],
];

const starts = await measure(Number(values.rounds));
print(starts);

async function measure(rounds) {
  const preload = values.preload ? [new URL('./programs/entered.js', import.meta.url).href] : undefined;
  const own = [];
  await withPostmaster({ spareWorkers: isWarm ? 1 : 0, preload }, async (client) => {
    for (let round = -2; round < rounds; round += 1) {
      if (isWarm) await sparesAreIdle(client);
      const asked = now();
      const handle = await client.register(entered);
      await handle.waitForStartup();
      const known = now();
      const entering = await handle.result();
      check(handle.startedFrom.kind === (isWarm ? 'spare' : 'cold'), handle.startedFrom.kind);
      const { pid } = handle;
      await handle.waitForShutdown();
      if (round >= 0) own.push({ pid, asked, known, entering, postmaster: client.postmasterPid });
    }
  });
  return own.map(timesOf);
}

/** Of one start: when each of the steps was. */
function timesOf({ pid, asked, known, entering, postmaster }) {
  const notes = [
    { who: 'client', what: 'asked', at: asked },
    { who: 'client', what: 'known', at: known },
    { who: 'worker', what: 'function', at: entering },
    ...notesOf(postmaster, 'postmaster').filter(({ at }) => at >= asked && at <= known),
    ...notesOf(pid, 'worker').filter(({ at }) => at <= entering || at <= known),
  ];
  return STEPS.map(
    ([who, what]) => notes.find((note) => note.who === who && note.what === what && note.at >= asked)?.at,
  );
}

function notesOf(pid, who) {
  const file = readdirSync(folder).find((name) => name === `${pid}.trace`);
  if (file === undefined)
    throw new Error(`process ${pid} left no notes in ${fileURLToPath(new URL(`file://${folder}`))}`);
  return readFileSync(join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [at, ...words] = line.split(' ');
      return { who, what: words.join(' '), at: BigInt(at) };
    });
}

function print(all) {
  const whole = median(all.map((times) => Number(times.at(-1) - times[0]) / 1e6));
  const rows = STEPS.slice(1).flatMap(([who, , what], n) => {
    const steps = all.flatMap((times) => {
      const at = times[n + 1];
      const before = times.slice(0, n + 1).findLast((time, m) => time !== undefined && STEPS[m][1] !== 'function');
      return at === undefined ? [] : [Number(at - before) / 1e6];
    });
    if (steps.length < all.length / 2) return [];
    const ms = median(steps);
    const atBest = quantile(steps, 0.1).toFixed(3);
    return [{ step: what, in: who, ms: ms.toFixed(3), share: `${Math.round((ms / whole) * 100)} %`, atBest }];
  });
  console.table(rows);
  process.stdout.write(
    `${isWarm ? 'warm' : 'cold'}, Node ${process.version}: ${whole.toFixed(2)} ms, ${all.length} rounds\n`,
  );
}
