/**
 * The link to shared memory while the connection is lost and nobody knows yet what that means.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memory } from '../../src/client/memory.js';

function makeMemory(): { readonly memory: Memory; readonly asked: string[] } {
  const asked: string[] = [];
  const memory = new Memory({
    greeting: () => ({ epoch: 'epoch', directory: '/nowhere', pid: 1 }),
    ask: (question) => {
      asked.push(question.type);
      return new Promise(() => {});
    },
    tell: () => {},
    descriptor: () => 7,
  });
  return { memory, asked };
}

test('after a connection was lost nothing of a member is asked over the next one, which would not know it', async () => {
  const { memory, asked } = makeMemory();
  memory.connectionLost();
  await assert.rejects(
    memory.link.ask({ type: 'segmentCreate', sizeBytes: 1 }, () => {}),
    { code: 'ERR_MEMORY_LOST' },
  );
  void memory.link.ask({ type: 'memoryJoin' }, () => {});
  void memory.link.ask({ type: 'segmentList', from: 1 }, () => {});
  memory.tellLoss();
  void memory.link.ask({ type: 'segmentCreate', sizeBytes: 1 }, () => {});
  assert.deepEqual(asked, ['memoryJoin', 'segmentList', 'segmentCreate']);
});

test('nobody blocks while the connection is lost: only the event loop can find out what became of it', () => {
  const { memory } = makeMemory();
  assert.deepEqual(memory.link.descriptors(), [7]);
  memory.connectionLost();
  assert.throws(() => memory.link.descriptors(), { code: 'ERR_WAIT_INTERRUPTED' });
  memory.tellLoss();
  assert.deepEqual(memory.link.descriptors(), [7]);
});
