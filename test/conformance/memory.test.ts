/**
 * Dynamic shared memory as far as the core decides it (R-DSM): limits, references, pins, and the end of holders. What
 * is mapped, and by whom, is shown with real processes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial } from '../core/transcript.js';

function trial(...lines: readonly string[]): Trial {
  const world = new Trial();
  world.after('connect 2', 'join 1', 'join 2', ...lines);
  return world;
}

const first = ([line = '']: readonly string[]): string => line;

test('R-DSM-1, R-DSM-4: a segment has a number that was never another’s, also when that one is long gone', () => {
  const world = trial('create 1', 'detach 1 1', 'create 1', 'detach 1 2');
  assert.match(first(world.play('create 2')), /segment 3 /);
});

test('R-DSM-11: one segment too many is refused with the limit, and nothing else has happened', () => {
  const world = trial('reload maxSegments=1', 'create 1');
  const before = world.state.memory;
  assert.match(first(world.play('create 2')), /refused ERR_TOO_MANY_SEGMENTS/);
  assert.equal(world.state.memory, before);
});

test('R-DSM-12, F-66: attaching after everybody has left is refused, attaching twice too', () => {
  const world = trial('create 1', 'attach 2 1');
  assert.match(first(world.play('attach 2 1')), /refused ERR_SEGMENT_ATTACHED/);
  world.after('gone 1', 'detach 2 1');
  assert.match(first(world.play('attach 2 1')), /refused ERR_UNKNOWN_SEGMENT/);
});

test('R-DSM-14, F-67: in every order of attaching and detaching the last one out removes it, once', () => {
  for (const order of orders(['detach 1 1', 'attach 2 1', 'gone 1'])) {
    const world = trial('create 1');
    const told = [...order, 'detach 2 1', 'gone 1', 'gone 2'].flatMap((line) => world.play(line));
    assert.equal(told.filter((line) => line === 'remove segment 1').length, 1, order.join(', '));
  }
});

test('R-DSM-22, F-67: a pinned segment survives everybody, is pinned once, and goes when it is unpinned', () => {
  const world = trial('create 1', 'pin 1 1');
  assert.match(first(world.play('pin 1 1')), /refused ERR_SEGMENT_PINNED/);
  assert(!world.play('gone 1').includes('remove segment 1'));
  assert(world.play('unpin 2 1').includes('remove segment 1'));
  assert.match(first(world.play('unpin 2 1')), /refused ERR_UNKNOWN_SEGMENT/);
  world.play('create 2');
  assert.match(first(world.play('unpin 2 2')), /refused ERR_SEGMENT_NOT_PINNED/);
});

test('R-DSM-2, R-DSM-3, R-DSM-24, R-DSM-32: who is killed has let go of all, no count stays too high, nobody else is harmed', () => {
  const world = trial('create 1', 'create 1', 'attach 2 2');
  assert.deepEqual(world.play('gone 1'), ['remove segment 1', '2 is told: member 1 is gone', 'clear member 1']);
  assert.deepEqual(world.play('detach 2 2'), ['remove segment 2']);
});

test('R-DSM-30: an orderly end removes every segment, pinned or not', () => {
  const world = trial('create 1', 'create 2', 'pin 1 1', 'gone 1');
  assert.deepEqual(world.play('shutdown fast'), ['remove segment 1', 'remove segment 2', 'exit']);
});

function orders(lines: readonly string[]): readonly (readonly string[])[] {
  if (lines.length <= 1) return [lines];
  return lines.flatMap((line, at) => orders(lines.toSpliced(at, 1)).map((rest) => [line, ...rest]));
}
