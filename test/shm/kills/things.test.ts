/**
 * A process that is killed before each step of what it does with a lock, a barrier or a table of contents, one after the
 * other: each write to the memory, each ring. Those that live get what they wait for, are told what may be torn, and
 * find everything else as if it had never been there.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedLatch } from '../../../src/shm/index.js';
import { Company } from '../support/company.js';
import { act, deeds, PLACE_BYTES, placeAt, SURVIVED } from './thingsPeer.js';

const peer = new URL('./thingsPeer.js', import.meta.url).href;
/** A new process each takes its time to start, so two do at once. */
const AT_ONCE = 2;
const MOST_STEPS = 100;

for (const [name, deed] of Object.entries(deeds)) {
  test(`killed before each step of ${name}, a process holds up nobody`, async () => {
    await using company = new Company();
    const segment = await company.segment(company.member(), (MOST_STEPS + AT_ONCE) * PLACE_BYTES);
    const sharing = company.share(segment, company.member());
    const attempt = async (index: number): Promise<boolean> => {
      const place = placeAt((offset, size) => segment.chunk(offset, size), index);
      deed.create(place.thing);
      SharedLatch.create(place.latch).own();
      const child = company.child(peer, act.name, segment, { name, index, step: index + 1 });
      const ended = child.ended.then((end) => {
        for (const { member } of [segment, sharing]) member.tellGone(child.number);
        return end;
      });
      await deed.live(place, sharing.chunk(place.thing.offsetBytes, place.thing.sizeBytes), ended);
      const { code, signal } = await ended;
      if (signal !== 'SIGKILL') assert.equal(code, SURVIVED);
      return signal === null;
    };
    const all = Array.from({ length: MOST_STEPS }, (_, index) => index);
    const tried = all.filter((index) => !deed.alike?.includes(index + 1));
    for (let at = 0; at < tried.length; at += AT_ONCE) {
      if ((await Promise.all(tried.slice(at, at + AT_ONCE).map(attempt))).every(Boolean)) return;
    }
    assert.fail('it never comes to its end');
  });
}
