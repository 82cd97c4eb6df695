/** Gather as it should go: who takes part, which rows come, and that these do not depend on how many there were. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import type { Explanation, GatherOptions, GatherRun, Progress } from '../../src/parallel/index.js';
import { ColumnBatch, formatExplanation, Gather, gather } from '../../src/parallel/index.js';
import { untilAsked } from '../process/support/patience.js';
import { areGone, exactly, startRoom, workerPids } from './contextRoom.js';
import type { Act } from './gatherPlans.js';
import { act, gate } from './gatherPlans.js';

const BLOCKS = 600;
const scan = { blocks: BLOCKS };

let client: Client;
/** Two workers, and no leader, as long as one of them can be had. */
let pair: Gather<Act, unknown>;
/** Two workers and the leader. */
let trio: Gather<Act, unknown>;
/** How far the pair is. */
const told: Progress[] = [];

before(async () => {
  client = await startRoom({
    preload: [new URL('../../src/parallel/gatherMain.js', import.meta.url).href],
    classes: { one: { max: 1, reserved: 0 }, few: { max: 2, reserved: 0 }, none: { max: 0, reserved: 0 } },
  });
  const onProgress = (progress: Progress): unknown => told.push(progress);
  pair = new Gather(act, { ...exactly(2, client), leaderParticipation: false, scan, onProgress });
  trio = new Gather(act, { ...exactly(2, client), scan });
});
after(async () => {
  await Promise.all([pair.end(), trio.end()]);
  await client.close();
});

/** Which blocks came, sorted, and how often each participant gave one. */
async function blocksOf(run: GatherRun<unknown>): Promise<{ blocks: number[]; by: Map<number, number> }> {
  const by = new Map<number, number>();
  const blocks: number[] = [];
  for await (const row of run) {
    const { block, number, ...rest } = row as { readonly block: number; readonly number: number };
    assert.deepEqual(rest, { text: `block ${block}`, parts: [block, [block / 3]], none: null });
    blocks.push(block);
    by.set(number, (by.get(number) ?? 0) + 1);
  }
  return { blocks: blocks.sort((a, b) => a - b), by };
}

const everyBlock = Array.from({ length: BLOCKS }, (_, block) => block);

function numbersIn({ participants }: Explanation): number[] {
  return participants.map(({ number }) => number);
}

const arrangements: readonly [GatherOptions, className?: string][] = [
  [{ workers: 0 }],
  [{ workers: 0, leaderParticipation: false }],
  [{ workers: 1 }],
  [{ workers: 2, leaderParticipation: false }],
  [{ workers: 3, leaderParticipation: false }, 'one'],
  [{ workers: 2, leaderParticipation: false }, 'none'],
  [{ workers: 3, singleCopy: true }],
  [{ workers: 1, singleCopy: true, leaderParticipation: false }, 'none'],
  [{ workers: 0, singleCopy: true }],
];

test('R-GA-9: what comes, in whatever order, does not depend on how many workers there were, on the leader, or on refused slots: each row once', async () => {
  for (const [index, [options, className = 'parallel']] of arrangements.entries()) {
    const what = index % 2 === 0 ? 'blocks' : 'blocksLater';
    // Of the debugging mode too: that it changes nothing is part of it.
    const run = gather(act, [what], { ...options, client, scan, worker: { class: className } });
    const { blocks } = await blocksOf(run);
    assert.deepEqual(blocks, everyBlock, JSON.stringify({ options, className, what }));
    assert.equal(run.explain().rows, BLOCKS);
  }
});

test('R-GA-1: nothing is launched before the first row is asked for, and a run that was not begun ends at once', async () => {
  const run = gather(act, ['blocks'], { ...exactly(1, client), scan });
  const { workersPlanned, workersLaunched, participants } = run.explain();
  assert.deepEqual(
    { workersPlanned, workersLaunched, participants },
    { workersPlanned: 1, workersLaunched: 0, participants: [] },
  );
  assert.deepEqual(await workerPids(client), []);
  assert.deepEqual(await run.return(), { done: true, value: undefined });
  assert.deepEqual(await run.next(), { done: true, value: undefined });
});

test('R-GA-2: the leader takes part, or does not; a single copy is run by one worker', async () => {
  const counts = new Map<number, number>();
  for await (const row of trio.rows(['some', 3])) {
    const [number = 0] = row as number[];
    counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  assert.deepEqual([...counts].sort(), [
    [-1, 3],
    [0, 3],
    [1, 3],
  ]);
  const without = pair.rows(['some', 3]);
  assert.equal((await without.toArray()).length, 6);
  assert.deepEqual(numbersIn(without.explain()), [0, 1]);
  const single = gather(act, ['some', 3], { ...exactly(2, client), singleCopy: true });
  assert.deepEqual(await single.toArray(), [
    [0, 0],
    [0, 1],
    [0, 2],
  ]);
  assert.equal(single.explain().workersPlanned, 1);
});

test('F-76: of four planned workers those are launched for which there are slots, and the explanation says why no more', async () => {
  const options = { ...exactly(4, client), leaderParticipation: false, scan };
  const run = gather(act, ['blocks'], { ...options, worker: { class: 'few' } });
  assert.deepEqual((await blocksOf(run)).blocks, everyBlock);
  const { whyFewer, workersPlanned, workersLaunched } = run.explain();
  assert.deepEqual({ workersPlanned, workersLaunched }, { workersPlanned: 4, workersLaunched: 2 });
  assert.match(whyFewer ?? '', /\bfew\b/);
});

test('F-76, R-GA-2, P-27: without any slot the leader gives all rows, also if it was to keep out', async () => {
  for (const singleCopy of [false, true]) {
    const options = { ...exactly(2, client), leaderParticipation: false, singleCopy, worker: { class: 'none' } };
    const run = gather(act, ['some', 4], options);
    assert.deepEqual(await run.toArray(), [
      [-1, 0],
      [-1, 1],
      [-1, 2],
      [-1, 3],
    ]);
    assert.deepEqual(numbersIn(run.explain()), [-1]);
  }
});

test('F-79: in a block scan each block is given once, also when one participant joins late', async () => {
  const { blocks, by } = await blocksOf(pair.rows(['oneLate']));
  assert.deepEqual(blocks, everyBlock);
  assert.ok((by.get(0) ?? 0) >= BLOCKS / 2);
});

test('R-GA-8, P-27: the workers of a gather stay for the next run, with queues and a scan that are new', async () => {
  const pids = (run: GatherRun<unknown>) => run.explain().participants.map(({ pid }) => pid);
  const first = pair.rows(['blocks']);
  assert.deepEqual((await blocksOf(first)).blocks, everyBlock);
  const second = pair.rows(['blocksLater']);
  assert.deepEqual((await blocksOf(second)).blocks, everyBlock);
  assert.deepEqual(pids(second), pids(first));
});

test('one run of a gather at a time, and one loop for each run', async () => {
  const run = pair.rows(['endless']);
  const first = run.next();
  await assert.rejects(run.next(), { code: 'ERR_ROWS_IN_USE' });
  await first;
  assert.throws(() => pair.rows(['blocks']), { code: 'ERR_GATHER_BUSY' });
  run[Symbol.asyncIterator]();
  assert.throws(() => run[Symbol.asyncIterator](), { code: 'ERR_ROWS_IN_USE' });
  await run.return();
  assert.equal((await pair.rows(['some', 1]).toArray()).length, 2);
});

test('the rows of workers come while the leader awaits something, and its own when they are there', async () => {
  gate.shut();
  const run = trio.rows(['leaderAwaits']);
  const given: unknown[] = [];
  for await (const row of run) {
    given.push(row);
    // The workers have given all they have, and the leader has given nothing.
    if (given.length === 4) gate.open();
  }
  assert.deepEqual(given.slice(0, 4).sort(), [0, 0, 1, 1]);
  assert.deepEqual(given.slice(4), [-1, -1]);
});

test('whoever takes rows that are there, or computes them, still lets the event loop have its turn', async () => {
  for (const run of [gather(act, ['endless'], exactly(0, client)), pair.rows(['endless'])]) {
    // Not before it runs: to start a worker takes turns of the event loop.
    await run.next();
    let hadTurn = false;
    setImmediate(() => {
      hadTurn = true;
    });
    for await (const _row of run) if (hadTurn) break;
  }
});

test('columns come as views, and as copies in an array', async () => {
  const sum = Array.from({ length: 2 }, (_, number) => 20 * number).reduce((a, b) => a + b) * 100 + 2 * 1_999 * 1_000;
  let seen = 0;
  const run = pair.rows(['columns', 100]);
  for await (const batch of run) {
    assert.ok(batch instanceof ColumnBatch);
    for (const id of batch.columns['id'] ?? []) seen += Number(id);
  }
  assert.equal(seen, sum);
  assert.equal(run.explain().rows, 2 * 20 * 100);
  const kept = (await pair.rows(['columns', 100]).toArray()) as ColumnBatch[];
  const total = kept.flatMap(({ columns }) => [...(columns['id'] ?? [])]).reduce<number>((a, b) => a + Number(b), 0);
  assert.equal(total, sum);
});

test('how far it is, is the sum of what all participants have said last; of a scan it is known by itself', async () => {
  told.length = 0;
  const run = pair.rows(['blocks']);
  assert.equal(run.progress, null);
  for await (const _row of run);
  assert.deepEqual(run.progress, { done: BLOCKS, total: BLOCKS });
  assert.deepEqual(told.at(-1), { done: BLOCKS, total: BLOCKS });
  await untilAsked(async () => {
    const rows = await client.activity();
    return rows.some(({ pid, progress }) => pid === run.explain().participants[0]?.pid && progress?.done === BLOCKS);
  }, 'whoever looks at the workers sees how far they are');
  const spoken = pair.rows(['tells']);
  await spoken.toArray();
  assert.deepEqual(spoken.progress, { done: 30, total: 200 });
});

test('what a run did can be told, in the form of EXPLAIN ANALYZE', async () => {
  const run = trio.rows(['blocks']);
  await blocksOf(run);
  const explanation = run.explain();
  const { participants } = explanation;
  assert.deepEqual(numbersIn(explanation), [-1, 0, 1]);
  assert.equal(
    participants.reduce((sum, { rows }) => sum + rows, 0),
    BLOCKS,
  );
  assert.equal(participants[0]?.pid, process.pid);
  for (const { number, rows, bytes, runMs, waitMs } of participants) {
    assert.equal(bytes > 0, number >= 0 && rows > 0);
    assert.ok(runMs >= waitMs && waitMs >= 0);
  }
  assert.match(
    formatExplanation(explanation),
    /^Gather {2}\(actual rows=600 time=.*\n {2}Workers Planned: 2\n {2}Workers Launched: 2\n {2}Leader: pid=\d+ .*\n {2}Worker 0: /,
  );
});

test('a gather that has ended has no workers and gives no rows', async () => {
  const one = new Gather(act, { ...exactly(1, client), leaderParticipation: false });
  const run = one.rows(['some', 1]);
  await run.toArray();
  const pids = run.explain().participants.map(({ pid }) => pid ?? 0);
  assert.ok(!areGone(pids));
  await one.end();
  assert.ok(areGone(pids));
  await one.end();
  assert.throws(() => one.rows(['some', 1]), { code: 'ERR_GATHER_ENDED' });
});

test('what is no plan, and a queue or a scan that cannot be, are refused', async () => {
  assert.throws(() => gather(7 as never), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => gather(act, ['some'], { queueBytes: 10 }), { code: 'ERR_INVALID_ARGUMENT' });
  assert.throws(() => gather(act, ['some'], { workers: -1 }), { code: 'ERR_INVALID_ARGUMENT' });
  const run = gather(act, ['some'], { workers: 0, scan: { blocks: -1 } });
  await assert.rejects(run.next(), { code: 'ERR_INVALID_ARGUMENT' });
  await assert.rejects(gather(act, ['blocks'], { workers: 0, debugParallel: false }).next(), { code: 'ERR_NO_SCAN' });
});
