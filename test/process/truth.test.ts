/** Holds every row of the truth table right: the same rows that `npm run truth` prints. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { Stage, whyNotHere } from './support/stage.js';
import { hasSpares, showRow } from './truth.js';
import type { Row } from './truthRows.js';
import { rows } from './truthRows.js';

describe('the truth table', { concurrency: 4, timeout: 180_000 }, () => {
  const stage = new Stage();
  after(() => stage.end());

  for (const row of rows) {
    test(`${row.fault}: ${sayExpected(row)}`, { skip: whyNotHere(row.place) ?? false }, async () => {
      for (const policy of ['never', 'onFailure'] as const) {
        const { problem, answer } = await showRow(row, policy, 'cold', stage);
        assert.equal(problem, undefined, `restart ${policy}: ${answer}: ${problem}`);
      }
    });
    if (!hasSpares(row, stage.scratch)) continue;
    test(`on a spare, ${row.fault}: ${sayExpected(row)}`, async () => {
      for (const policy of ['never', 'onFailure'] as const) {
        const { problem, answer } = await showRow(row, policy, 'spare', stage);
        assert.equal(problem, undefined, `restart ${policy}: ${answer}: ${problem}`);
      }
    });
  }
});

function sayExpected({ expected }: Row): string {
  if (expected.answer === 'waits') return `the wait goes on, ${expected.status}`;
  return `${expected.kind}${expected.isFailure ? ', would be restarted' : ''}`;
}
