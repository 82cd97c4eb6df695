/**
 * Doorbells where something is short or missing: descriptors, the folder they lie in, those whom nobody rings any more.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Company } from './support/company.js';

const program = fileURLToPath(new URL('./withoutDescriptors.js', import.meta.url));

test('who has no descriptor left still wakes everybody, and loses no lock', async () => {
  const script = 'ulimit -n 64; exec "$0" "$1"';
  await promisify(execFile)('sh', ['-c', script, process.execPath, program], { timeout: 20_000 });
});

test('of members that ended long ago no descriptor is kept, although nobody has told of their end', async () => {
  await using company = new Company();
  const member = company.member();
  const count = (): number => readdirSync('/dev/fd').length;
  const before = count();
  for (let met = 0; met < 500; met++) {
    const other = company.member();
    member.wake(other.number);
    other.close();
  }
  assert.ok(count() < before + 100, `${before} descriptors have become ${count()}`);
});

test('while the folder of the doorbells is away nobody is taken for dead, and later the dead are', async () => {
  await using company = new Company();
  const [member, living, dead] = [company.member(), company.member(), company.member()];
  dead.close();
  renameSync(company.folder, `${company.folder}.away`);
  assert.equal(member.isGone(living.number), false);
  assert.equal(member.isGone(dead.number), false);
  renameSync(`${company.folder}.away`, company.folder);
  assert.equal(member.isGone(living.number), false);
  assert.equal(member.isGone(dead.number), true);
});

test('one of whom it was told that it is gone is gone, though its process lives and nobody has met it', async () => {
  await using company = new Company();
  const [member, other] = [company.member(), company.member()];
  member.tellGone(other.number);
  assert.equal(member.isGone(other.number), true);
  assert.equal(member.wake(other.number), false);
});

test('a doorbell is its user’s alone, and is no business of who tidies up what lies there for long', async () => {
  await using company = new Company();
  const { mode } = statSync(join(company.folder, String(company.member().number)));
  assert.equal(mode & 0o7777, 0o1600);
});
