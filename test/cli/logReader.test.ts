/** Reading the log of a daemon along with its writer: each line once, whenever it is put away. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { LogFile } from '../../src/cli/daemon/logFile.js';
import { LogReader } from '../../src/cli/log/logReader.js';

test('a reader is given each line once, however full the log becomes and whenever he looks', (t) => {
  const { directory, path } = place(t);
  const log = new LogFile(path, openSync(path, 'a'), 4_000);
  const reader = new LogReader(directory);
  const read: string[] = [...(reader.last(10) ?? [])];
  const written: string[] = [];
  for (let round = 0; round < 300; round += 1) {
    // Never more between two looks than the file and its copy hold.
    for (let count = (round * 7) % 5; count > 0; count -= 1) {
      const line = `{"time":${round},"msg":"${'ä'.repeat((round * 13) % 90)} ${count}"}`;
      written.push(line);
      // Now and then a line comes in two halves.
      if (round % 3 === 0) log.sink.write(line.slice(0, 9));
      if (round % 6 === 0) take(reader, read);
      log.sink.write(`${round % 3 === 0 ? line.slice(9) : line}\n`);
    }
    take(reader, read);
  }
  assert(written.join('\n').length > 20_000, 'it was put away several times');
  assert.deepEqual(read.join('\n').replaceAll('\n', ''), written.join(''));
});

test('a reader who was away for too long is told that lines may be missing, and goes on', (t) => {
  const { directory, path } = place(t);
  const log = new LogFile(path, openSync(path, 'a'), 100);
  const reader = new LogReader(directory);
  log.sink.write('{"first":1}\n');
  assert.deepEqual(reader.next(), { lines: ['{"first":1}'], isTorn: false });
  for (let index = 0; index < 30; index += 1) log.sink.write(`{"line":${index},"of":"thirty"}\n`);
  const news = reader.next();
  assert.equal(news?.isTorn, true);
  assert.equal(news?.lines.at(-1), '{"line":29,"of":"thirty"}');
  log.sink.write('{"next":1}\n');
  assert.deepEqual(reader.next(), { lines: ['{"next":1}'], isTorn: false });
});

test('the last lines are taken from the old file too, where the new one has too few', (t) => {
  const { directory, path } = place(t);
  writeFileSync(`${path}.1`, 'one\ntwo\n');
  writeFileSync(path, 'three\nhalf');
  const last = (count: number): readonly string[] | undefined => new LogReader(directory).last(count);
  assert.deepEqual(last(2), ['two', 'three']);
  assert.deepEqual(last(0), []);
  assert.deepEqual(last(Number.POSITIVE_INFINITY), ['one', 'two', 'three']);
  const reader = new LogReader(directory);
  reader.last(1);
  assert.equal(reader.unfinished(), 'half');
  appendFileSync(path, ' done\n');
  assert.deepEqual(reader.next()?.lines, ['half done']);
});

test('a log that somebody empties by hand is read from its beginning, and it is said', (t) => {
  const { directory, path } = place(t);
  writeFileSync(path, 'one\ntwo\n');
  const reader = new LogReader(directory);
  reader.last(5);
  truncateSync(path);
  appendFileSync(path, 'three\n');
  assert.deepEqual(reader.next(), { lines: ['three'], isTorn: true });
});

test('where there is no log there are no lines', (t) => {
  const { directory, path } = place(t);
  rmSync(path, { force: true });
  assert.equal(new LogReader(directory).last(5), undefined);
  assert.equal(new LogReader(directory).next(), undefined);
});

function take(reader: LogReader, into: string[]): void {
  const { lines, isTorn } = reader.next() ?? { lines: [], isTorn: true };
  assert.equal(isTorn, false);
  into.push(...lines);
}

function place(t: TestContext): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), 'bgw-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return { directory, path: join(directory, 'bgworker.log') };
}
