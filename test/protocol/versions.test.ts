/**
 * Which copies may talk to each other, as a table, and what they are told who may not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Introduction } from '../../src/protocol/index.js';
import {
  mayTalk,
  PROTOCOL_VERSION,
  whyNothingStarts,
  whyNotServed,
  whyNotStarted,
  whyNotUnderstood,
} from '../../src/protocol/index.js';

const table: readonly (readonly [one: string, other: string, may: boolean])[] = [
  ['0.1.0', '0.1.0', true],
  ['0.1.0', '0.1.99', true],
  ['0.1.0', '0.2.0', true],
  ['0.1.7', '0.3.0', false],
  ['0.0.9', '0.1.0', true],
  ['0.9.0', '0.10.0', true],
  ['0.9.0', '1.0.0', false],
  ['1.0.0', '0.0.0', false],
  ['1.4.2', '1.3.0', true],
  ['1.4.2', '1.5.9', true],
  ['1.4.2', '1.6.0', false],
  ['1.4.2', '2.4.2', false],
  // A pre-release, or a build, belongs to the version it leads to.
  ['0.1.0', '0.2.0-beta.1', true],
  ['0.1.0-rc.1', '0.3.0-0', false],
  ['1.0.0-rc.1', '0.9.0', false],
  ['0.2.0+build.5', '0.1.3', true],
  // What is no version fits only itself.
  ['latest', 'latest', true],
  ['latest', '0.1.0', false],
  ['0.1', '0.1.0', false],
  ['', '0.0.0', false],
];

test('the same major version, and minor versions at most one apart, whoever of the two asks', () => {
  for (const [one, other, may] of table) {
    const [here, there] = [
      { protocol: 1, package: one },
      { protocol: 1, package: other },
    ] as const;
    assert.equal(mayTalk(here, there), may, `${one} with ${other}`);
    assert.equal(mayTalk(there, here), may, `${other} with ${one}`);
  }
});

test('another protocol is refused whatever the versions are', () => {
  const version = { protocol: PROTOCOL_VERSION, package: '1.2.3' };
  assert.equal(mayTalk(version, { ...version, protocol: PROTOCOL_VERSION + 1 }), false);
});

const postmaster: Introduction = { protocol: 1, package: '0.1.0', path: '/srv/old/', node: 'v20.19.0', pid: 11 };
const client: Introduction = { protocol: 1, package: '0.3.0', path: '/srv/new/', node: 'v24.0.0', pid: 22 };

const restart =
  'restart the postmaster: bgworker stop --directory /run/b && bgworker start --directory /run/b' +
  ' (with its --config, if it has one); or, if a program of yours started it, that program';

test('a refusal names both versions, both places and both processes', () => {
  const refusal = whyNotServed(postmaster, client, '/run/b');
  assert.deepEqual(refusal, {
    code: 'ERR_PROTOCOL_MISMATCH',
    message: 'the postmaster and its client are versions of bgworker that do not fit',
    detail:
      'the postmaster, process 11, is bgworker 0.1.0 (protocol 1) in /srv/old/; ' +
      'the client, process 22, is bgworker 0.3.0 (protocol 1) in /srv/new/',
    hint: restart,
  });
  assert.equal(whyNotServed(postmaster, { ...client, package: '0.2.0' }, '/run/b'), undefined);
});

const remedies: readonly (readonly [string, Partial<Introduction>, Partial<Introduction>, string])[] = [
  ['an older postmaster is restarted', { package: '0.1.0' }, { package: '0.3.0' }, restart],
  [
    'so is one whose own files were replaced',
    { package: '0.1.0', path: '/p/' },
    { package: '1.0.0', path: '/p/' },
    restart,
  ],
  [
    'an older client is updated',
    { package: '0.12.1' },
    { package: '0.9.0' },
    'npm install bgworker@0.12.1 where the client is, and start the client anew',
  ],
  [
    'an older client whose own files were replaced is restarted',
    { package: '0.3.0', path: '/p/' },
    { package: '0.1.0', path: '/p/', pid: 22 },
    'restart process 22, whose files were replaced while it ran',
  ],
  ['with the same version it is the protocol that tells', { protocol: 1 }, { protocol: 2, package: '0.1.0' }, restart],
];

for (const [title, changesOfPostmaster, changesOfClient, hint] of remedies) {
  test(`what mends it: ${title}`, () => {
    const why = whyNotServed({ ...postmaster, ...changesOfPostmaster }, { ...client, ...changesOfClient }, '/run/b');
    assert.equal(why?.hint, hint);
  });
}

test('the command is one that a shell reads as it is meant, and finds the configuration that the postmaster had', () => {
  const commandFor = (directory: string): string | undefined =>
    /^restart the postmaster: (.*);/.exec(whyNotServed(postmaster, client, directory)?.hint ?? '')?.[1];
  assert.equal(commandFor('/srv/app/.bgworker'), 'cd /srv/app && bgworker stop && bgworker start');
  assert.equal(
    commandFor("/home/o'neil/my app/.bgworker"),
    "cd '/home/o'\\''neil/my app' && bgworker stop && bgworker start",
  );
  assert.equal(
    commandFor('/run/my app'),
    "bgworker stop --directory '/run/my app' && bgworker start --directory '/run/my app' (with its --config, if it has one)",
  );
});

test('what a postmaster starts from files of a version that does not fit is explained in the same way', () => {
  assert.equal(whyNotStarted(postmaster, { ...client, package: '0.2.9' }, '/run/b'), undefined);
  assert.deepEqual(whyNotStarted(postmaster, { ...client, path: '/srv/old/' }, '/run/b'), {
    code: 'ERR_PROTOCOL_MISMATCH',
    message: 'the package under the postmaster was replaced by a version that does not fit it',
    detail:
      'the postmaster, process 11, is bgworker 0.1.0 (protocol 1) in /srv/old/; ' +
      'what it starts now, process 22, is bgworker 0.3.0 (protocol 1) in /srv/old/',
    hint: restart,
  });
});

test('nothing can be started from a package that is gone', () => {
  assert.deepEqual(whyNothingStarts(postmaster, '/srv/old/dist/src/worker/boot.cjs', '/run/b'), {
    code: 'ERR_PACKAGE_REPLACED',
    message: 'the package under the postmaster was removed',
    detail:
      '/srv/old/dist/src/worker/boot.cjs is not there any more; ' +
      'the postmaster, process 11, is bgworker 0.1.0 (protocol 1) in /srv/old/',
    hint: `if it is being installed at this moment, wait for that; otherwise ${restart}`,
  });
});

test('a request that is not understood names what it was, and the older of the two', () => {
  const problem = { message: 'unknown message', detail: 'from the client: type "teleport"' };
  const newer = whyNotUnderstood(postmaster, { ...client, package: '0.2.0' }, '/run/b', problem);
  assert.deepEqual(newer, {
    code: 'ERR_NOT_SUPPORTED',
    message: 'the postmaster does not understand this request',
    detail:
      'unknown message: from the client: type "teleport"; ' +
      'the postmaster, process 11, is bgworker 0.1.0 (protocol 1) in /srv/old/; ' +
      'the client, process 22, is bgworker 0.2.0 (protocol 1) in /srv/new/',
    hint: restart,
  });
  const same = whyNotUnderstood(postmaster, { ...client, package: '0.1.0' }, '/run/b', problem);
  assert.match(same.hint ?? '', /fault of the client/);
});
