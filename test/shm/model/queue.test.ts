/**
 * The message queue in all interleavings of its sender, its receiver, and the death of either before any of its steps;
 * and what happens when one of the rules is not kept.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore } from './explore.js';
import { QUEUE_MISTAKES, queueModel } from './queueModel.js';

const mortal = ['sender', 'receiver'];

for (const messages of [
  [1, 1, 1],
  [2, 1],
  [1, 3],
]) {
  test(`messages of ${messages.join(', ')} cells in a ring of two arrive whole, in order and before the end, whoever dies when`, () => {
    const { problem, way, states } = explore(queueModel(messages, undefined, mortal));
    assert.equal(problem, undefined, way?.join('\n'));
    assert.ok(states > 10_000, `${states} states`);
  });
}

for (const [mistake, symptom] of Object.entries(QUEUE_MISTAKES)) {
  test(`the checker finds what happens when somebody makes this mistake: ${mistake}`, () => {
    const { problem = '' } = explore(queueModel([2, 1], mistake, mortal));
    assert.match(problem || (explore(queueModel([1, 1, 1], mistake, mortal)).problem ?? ''), symptom);
  });
}
