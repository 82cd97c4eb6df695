/** When something is written: at once, or when the outermost batch is over, and never twice or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Outbox } from '../../src/postmaster/outbox.js';

/** Notes each time it is asked to write. */
function writerInto(written: string[], name: string): { flush(): void } {
  return { flush: () => void written.push(name) };
}

test('outside of a batch everything is written at once', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  outbox.add(writerInto(written, 'a'));
  assert.deepEqual(written, ['a']);
});

test('within batches it is written when the outermost is over, once for each writer, in the order of the first words', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  const [a, b] = [writerInto(written, 'a'), writerInto(written, 'b')];
  const given = outbox.batch(() => {
    outbox.add(a);
    outbox.batch(() => outbox.add(b));
    outbox.add(a);
    assert.deepEqual(written, []);
    return 7;
  });
  assert.equal(given, 7);
  assert.deepEqual(written, ['a', 'b']);
});

test('before something that takes long it is written in the middle of a batch', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  outbox.batch(() => {
    outbox.add(writerInto(written, 'a'));
    outbox.flush();
    assert.deepEqual(written, ['a']);
    outbox.add(writerInto(written, 'b'));
  });
  assert.deepEqual(written, ['a', 'b']);
});

test('what was said before an error is written all the same', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  assert.throws(() =>
    outbox.batch(() => {
      outbox.add(writerInto(written, 'a'));
      throw new Error('no');
    }),
  );
  assert.deepEqual(written, ['a']);
});

test('whoever has something to say while it is being written is written too', () => {
  const outbox = new Outbox();
  const written: string[] = [];
  const late = writerInto(written, 'late');
  outbox.batch(() =>
    outbox.add({
      flush: () => {
        written.push('early');
        outbox.add(late);
      },
    }),
  );
  assert.deepEqual(written, ['early', 'late']);
});
