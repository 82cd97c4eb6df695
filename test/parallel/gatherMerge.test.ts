/** Gather merge with real workers: sorted rows of sorted inputs, whoever takes part. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '../../src/index.js';
import { formatExplanation, GatherMerge, gatherMerge } from '../../src/parallel/index.js';
import { areGone, exactly, startRoom } from './contextRoom.js';
import { sorted, sortedColumns, unsorted } from './gatherPlans.js';

const BLOCKS = 400;
/** So many rows have the same key. */
const STEP = 7;
const scan = { blocks: BLOCKS };
const compare = (a: { readonly key: number }, b: { readonly key: number }): number => a.key - b.key;

let client: Client;
before(async () => {
  client = await startRoom({
    preload: [new URL('../../src/parallel/gatherMain.js', import.meta.url).href],
    classes: { none: { max: 0, reserved: 0 } },
  });
});
after(() => client.close());

type Row = { readonly key: number; readonly number: number; readonly block: number };

function assertMerged(rows: readonly Row[]): void {
  assert.deepEqual(
    rows.map(({ key }) => key),
    Array.from({ length: BLOCKS }, (_, block) => Math.floor(block / STEP)),
  );
  assert.equal(new Set(rows.map(({ block }) => block)).size, BLOCKS);
  for (const [index, row] of rows.entries()) {
    const before = rows[index - 1];
    if (before?.key === row.key) assert.ok(before.number <= row.number, 'the leader first, then worker 0, 1, …');
  }
}

for (const [options, what] of [
  [{ workers: 0 }, 'no worker'],
  [{ workers: 0, leaderParticipation: false }, 'no worker, and a leader that was to keep out'],
  [{ workers: 2, leaderParticipation: false, worker: { class: 'none' } }, 'no slot'],
  [{ workers: 1 }, 'a worker and the leader'],
  [{ workers: 2, leaderParticipation: false }, 'two workers'],
] as const) {
  test(`R-GM-1, R-GM-4, P-27: with ${what}, sorted rows come merged`, async () => {
    const run = gatherMerge(sorted, { step: STEP }, { ...options, client, scan, compare });
    assertMerged(await run.toArray());
    assert.match(formatExplanation(run.explain()), /^Gather Merge {2}\(actual rows=400 /);
  });
}

test('columns are merged too, though those that were given are compared when the next have come', async () => {
  const first = ({ columns }: { readonly columns: { readonly key: Float64Array } }): number => columns.key[0] ?? 0;
  const slowly: typeof byKey = (a, b) => {
    // Its sender has the time to use that place in the queue again.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4);
    return byKey(a, b);
  };
  const byKey = (a: Parameters<typeof first>[0], b: Parameters<typeof first>[0]): number => first(a) - first(b);
  const options = { ...exactly(1, client), leaderParticipation: false, queueBytes: 2_048, compare: slowly };
  const firsts = (await gatherMerge(sortedColumns, undefined, options).toArray()).map(first);
  assert.deepEqual(
    firsts,
    Array.from({ length: 30 }, (_, batch) => batch * 64),
  );
});

test('P-27: a gather merge can be run again, and left early', async () => {
  await using merge = new GatherMerge(sorted, { ...exactly(2, client), leaderParticipation: false, scan, compare });
  const pids: (number | null)[][] = [];
  for (let round = 0; round < 2; round++) {
    const keys: number[] = [];
    for await (const { key } of merge.rows({ step: STEP })) if (keys.push(key) === 5) break;
    assert.deepEqual(keys, [0, 0, 0, 0, 0]);
    const run = merge.rows({ step: STEP });
    assertMerged(await run.toArray());
    pids.push(run.explain().participants.map(({ pid }) => pid));
  }
  assert.deepEqual(pids[0], pids[1]);
});

test('an input that is not sorted is an error that names the participant, and never an order that is wrong', async () => {
  for (const [wrong, who] of [
    [0, 'worker 0'],
    [-1, 'the leader'],
  ] as const) {
    const run = gatherMerge(unsorted, wrong, { ...exactly(1, client), compare: (a, b) => a - b });
    await assert.rejects(run.toArray(), { code: 'ERR_NOT_SORTED', detail: new RegExp(`^${who} `) });
    assert.ok(
      areGone(run.explain().participants.flatMap(({ number, pid }) => (number < 0 || pid === null ? [] : pid))),
    );
  }
});
