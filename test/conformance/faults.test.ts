/**
 * The 65 faults and races that PostgreSQL's rules imply, from a registration without a free slot (F-1) to shutdowns that
 * overtake each other (F-65): for each, what shows that it is handled. `core`: titles of transcripts or of tests in
 * test/core, which must exist. `process`: (a part of) the title of a test
 * with real processes or real sockets, which must exist too. `cannot`: why it cannot occur here.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseScenarios } from '../core/transcript.js';

interface Fault {
  readonly what: string;
  readonly core?: readonly string[];
  readonly process?: string;
  readonly cannot?: string;
}

const FAULTS: readonly Fault[] = [
  // Registration.
  {
    what: 'F-1: no slot is free',
    core: [
      'when all slots are in use the refusal names the limit and who holds them',
      'when a slot came free the next registration has it',
    ],
  },
  { what: 'F-2: two registrants race for one slot', core: ['two registrants want the last slot: one gets it'] },
  {
    what: 'F-3: many registrations before the postmaster looks once',
    core: ['workers are started in the order in which they were registered'],
  },
  {
    what: 'F-4: a great many starts are pending',
    core: [
      'not more are started in a pass than the limit, and others are served in between',
      'what is due for a process is done in a pass that is full of starts',
    ],
  },
  {
    what: 'F-5: one parallel worker too many',
    core: ['a class has no more workers than its limit, though slots are free'],
  },
  {
    what: 'F-6: parallel workers have ended and are not counted yet',
    core: ['a class has room again as soon as the end of its worker is told'],
  },
  { what: 'F-7: sessions with different limits', cannot: 'limits belong to the postmaster, and are the same for all' },
  {
    what: 'F-8: an invalid definition',
    core: ['a definition that is not valid is refused with the field, and nothing has changed'],
  },
  { what: 'F-9: names that are long or not ASCII', core: ['name: what it may be'] },
  // The registrant dies.
  {
    what: 'F-10: before its worker is started',
    core: ['a registrant that leaves before its worker is started is not told, and the worker starts'],
  },
  { what: 'F-11: after the start', core: ['a client dies: its workers run on and nobody is told for it'] },
  {
    what: 'F-12: and its pid is used again',
    cannot: 'clients are connections, with numbers that are never used twice',
  },
  {
    what: 'F-13: and it was a worker itself',
    core: ['the workers of a worker run on when it dies, unless they are tied to it'],
  },
  {
    what: 'F-14: somebody else is the notify target',
    core: ['a process that is not Node is sent a signal for every step'],
  },
  {
    what: 'F-15: an unknown notify target',
    process: 'that is Node, has no handler, or is nobody is refused, and nothing is signalled',
  },
  {
    what: 'F-16: fewer wake-ups than events',
    core: ['a client that does not read is told the newest of each worker when it does'],
  },
  // Start.
  {
    what: 'F-17: no process can be made, no restart',
    core: ["a process that cannot be made: stopped, with the system's own word, and the slot is free"],
  },
  {
    what: 'F-18: no process can be made, restart',
    core: ['a process that cannot be made, of a worker that is restarted: told at once, and tried again'],
  },
  { what: 'F-19: not the first of several', core: ['when the first of several cannot be made, the others are'] },
  {
    what: 'F-20: it has ended before anybody waits',
    core: ["whoever asks after the slot has a new tenant gets the old worker's last word"],
    process: 'R-API-11: started already, or stopped already, is answered at once',
  },
  {
    what: 'F-21: it ends between the news and the waiter',
    core: ['a client that does not read is told the newest of each worker when it does'],
    process: 'launch gives a handle with a pid even if the worker has already done all it had to do',
  },
  { what: 'F-22: the export is missing', core: ['failed starts: each says how far it had come'] },
  {
    what: 'F-23: its condition is not met yet',
    core: ['a worker registered meanwhile waits for the early ones too, unless it starts with the postmaster'],
  },
  {
    what: 'F-24: an unknown start time',
    core: ['startTime: what it may not be is refused with its name, its value and what would be right'],
  },
  { what: 'F-25: it is killed before its function is entered', core: ['a failed start is no crash'] },
  { what: 'F-26: it ends before it is known', core: ['failed starts: each says how far it had come'] },
  // Terminate.
  { what: 'F-27: before the request is accepted', core: ['before its start: it never runs'] },
  { what: 'F-28: after that, before the start', core: ['before its start: it never runs'] },
  { what: 'F-29: between two attempts', core: ['between two attempts: the second last word, no restart, slot free'] },
  {
    what: 'F-30: while signals are blocked',
    core: ['while it loads', 'while the process is being made: it is asked as soon as there is somebody to ask'],
    process: 'while it is being started, at every phase',
  },
  { what: 'F-31: twice', core: ['twice: asked once; a shorter time counts, a longer one does not'] },
  {
    what: 'F-32: it ignores the request',
    core: [
      'it does not obey: killed with its group when its time is over',
      'it had returned by itself just before: returned',
    ],
  },
  { what: 'F-33: against its own end', core: ['it had returned by itself just before: returned'] },
  { what: 'F-34: by an old handle', core: ['an old handle does not reach the next tenant of the slot'] },
  { what: 'F-35: on a free slot', core: ['after the end: the last word, and nothing happens'] },
  // Exit and restart.
  { what: 'F-36: exit 0 with a restart', core: ['returned and exit 0: done for good'] },
  { what: 'F-37: exit 1 with a restart', core: ['onFailure: again after the interval, which counts from the reap'] },
  { what: 'F-38: interval 0', core: ['interval 0: again at once, and the limit makes an end of it'] },
  { what: 'F-39: SIGTERM from elsewhere', core: ['a SIGTERM from elsewhere that it obeyed: it comes back'] },
  { what: 'F-40: an uncaught error', core: ['threw is a failure whatever the code'] },
  { what: 'F-41: a crash', core: ['a crash takes down its group and no one else'] },
  { what: 'F-42: two crashes at once', core: ['two crash at the same time: one goes down, once'] },
  {
    what: 'F-43: a crash with workers of both kinds alive',
    core: [
      'a crash takes down its group and no one else',
      'nobody of the group starts before it is down, not even one who is new',
    ],
  },
  {
    what: 'F-44: no restart after a crash',
    cannot: 'there is no reset of everything, so there is no switch against it',
  },
  { what: 'F-45: too slow to go down', cannot: 'a group that goes down is killed at once' },
  // Reuse of slots.
  {
    what: 'F-46: a registrant reacts to the end at once',
    core: ['a class has room again as soon as the end of its worker is told'],
  },
  {
    what: 'F-47: one handle over several tenants',
    core: ['a handle kept over three tenants of one slot always says the same'],
  },
  {
    what: 'F-48: same slot and generation after a restart of all',
    process: 'the handle of a dead postmaster never reaches a worker of the living one (F-48)',
  },
  // Waiting.
  { what: 'F-49: without being the notify target', cannot: 'whoever has the handle is told' },
  {
    what: 'F-50: the wait is cancelled',
    process: 'an abort ends the wait with its reason, says nothing about the worker and leaves nothing behind',
  },
  {
    what: 'F-51: the latch is set all the time by others',
    process: 'the latch is set by every notification, and by the end',
  },
  {
    what: 'F-52: a worker registers and waits',
    process: 'a worker that registers a worker is told of its start and its end',
  },
  {
    what: 'F-53: the news come between the look and the sleep',
    process: 'the reply and the notification behind it in one chunk: the handle has both',
  },
  // The postmaster dies.
  {
    what: 'F-54: at any point of a wait',
    process: 'every wait of every client says postmasterDied, and nothing survives it',
  },
  {
    what: 'F-55: and is asked afterwards',
    process: 'refused after a lost connection: the postmaster died, and every wait says so',
  },
  { what: 'F-56: with a worker that waits', process: 'a worker that heeds its signal may finish within the grace' },
  {
    what: 'F-57: with a worker that is busy',
    process: 'busy and stopped workers, and a grandchild in a session of its own, are gone within the grace',
  },
  {
    what: 'F-58: it is stopped and continued',
    process: 'everything that was asked of a stopped postmaster is served when it goes on',
  },
  // Shutdown.
  {
    what: 'F-59: smart, with an idle worker and a client',
    core: ['smart: everything goes on until the last client has left'],
  },
  { what: 'F-60: smart, with a crash', core: ['smart: everything goes on until the last client has left'] },
  {
    what: 'F-61: fast, with a pending request that is waited for',
    core: ["fast at every point of a worker's life: everybody is answered"],
  },
  {
    what: 'F-62: fast, with one that nobody waits for',
    core: ["fast at every point of a worker's life: everybody is answered"],
  },
  {
    what: 'F-63: a registration after it began',
    core: ['registrations are refused in a shutdown, those already made are still answered'],
  },
  {
    what: 'F-64: a worker ignores it',
    core: ['fast: asked, each with its own time, and the end when all are gone', 'immediate: killed'],
  },
  { what: 'F-65: the modes overtake each other', core: ['raised: smart, then fast, then immediate', 'never lowered'] },
];

const root = fileURLToPath(new URL('../../../', import.meta.url));

test('every fault has a row, and each row says what shows it or why it cannot occur', () => {
  assert.deepEqual(
    FAULTS.map(({ what }) => what.split(':')[0]),
    Array.from({ length: 65 }, (_, n) => `F-${n + 1}`),
  );
  for (const { what, core, process, cannot } of FAULTS) {
    assert.ok((core !== undefined || process !== undefined) !== (cannot !== undefined), what);
  }
});

test('what is said to be shown by the core is the title of a transcript or a test', () => {
  const transcripts = readdirSync(`${root}test/core/scenarios`).flatMap((file) =>
    parseScenarios(readFileSync(`${root}test/core/scenarios/${file}`, 'utf8')).scenarios.map(({ title }) => title),
  );
  const fields = [
    'name: what it may be',
    'startTime: what it may not be is refused with its name, its value and what would be right',
  ];
  const titles = new Set([...transcripts, ...fields]);
  for (const { what, core = [] } of FAULTS)
    for (const title of core) assert.ok(titles.has(title), `${what}: no ${title}`);
});

test('what is said to be shown by real processes is the title of a test', () => {
  const sources = ['client', 'postmaster', 'process', 'worker'].flatMap((folder) =>
    readdirSync(`${root}test/${folder}`)
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => readFileSync(`${root}test/${folder}/${file}`, 'utf8')),
  );
  for (const { what, process } of FAULTS) {
    if (process === undefined) continue;
    assert.ok(
      sources.some((source) => source.includes(process)),
      `${what}: no test ${process}`,
    );
  }
});
