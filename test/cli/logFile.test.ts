/** The log of a daemon: it has an end, it is one file all the time, and a full disk ends nobody. */
import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LogFile } from '../../src/cli/daemon/logFile.js';

test('a log that is full is copied beside, and begins anew as the same file', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bgw-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'bgworker.log');
  const descriptor = openSync(path, 'a');
  const { ino } = statSync(path);
  const { sink } = new LogFile(path, descriptor, 20);
  for (const line of ['first line\n', 'second\n', 'third line\n']) sink.write(line);
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first line\nsecond\n');
  assert.equal(readFileSync(path, 'utf8'), 'third line\n');
  sink.write('longer than the whole file may be\n');
  assert.equal(readFileSync(path, 'utf8'), 'longer than the whole file may be\n');
  assert.equal(statSync(path).ino, ino);
  // Somebody else may cut it too.
  truncateSync(path);
  sink.write('again\n');
  assert.equal(readFileSync(path, 'utf8'), 'again\n');
  closeSync(descriptor);
});

test('what cannot be written is counted, and told as soon as something can', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bgw-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'bgworker.log');
  const full = openSync('/dev/full', 'a');
  const { sink } = new LogFile(path, full, 1_000);
  sink.write('lost\n');
  sink.write('lost too\n');
  closeSync(full);
  // The same descriptor is the file now, as if there were room again.
  const descriptor = openSync(path, 'a');
  assert.equal(descriptor, full);
  sink.write('written\n');
  const [told = '', written] = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual([JSON.parse(told).msg, JSON.parse(told).bytes], ['output was lost', 14]);
  assert.equal(written, 'written');
  closeSync(descriptor);
});

test('one that cannot be copied is cut all the same, and one that was put away is left to whoever did that', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bgw-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'bgworker.log');
  const descriptor = openSync(path, 'a');
  const { sink } = new LogFile(path, descriptor, 20);
  mkdirSync(`${path}.1`);
  sink.write('first line\n');
  sink.write('second line\n');
  const [told = '', second] = readFileSync(path, 'utf8').split('\n');
  assert.deepEqual([JSON.parse(told).msg, JSON.parse(told).bytes, second], ['output was lost', 11, 'second line']);

  const kept = join(folder, 'kept');
  renameSync(path, kept);
  const text = readFileSync(kept, 'utf8');
  sink.write('third line\n');
  assert.equal(readFileSync(path, 'utf8'), 'third line\n');
  assert.equal(readFileSync(kept, 'utf8'), text);
  closeSync(descriptor);
});
