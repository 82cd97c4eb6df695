/**
 * What versions said when they were released, against this one: a peer one minor version older must still be
 * understood, and must still understand; and what is said before two know whether they fit, by every version there is.
 * test/fixtures/protocol has a file for each minor version, with a frame for each thing that is said, one to a line; how
 * the protocol may change stands in CONTRIBUTING.md.
 *
 * The file of the present minor version is written anew by `BGWORKER_REWRITE=1 npm test -- test/protocol/recorded.test.ts`, until
 * that version is released. Those of earlier versions are never touched again.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Frame } from '../../src/protocol/index.js';
import { mayTalk, PACKAGE_PATH, PACKAGE_VERSION, PROTOCOL_VERSION } from '../../src/protocol/index.js';
import { conversations } from './conversations.js';

interface Line {
  readonly who: string;
  readonly message: { readonly [field: string]: unknown };
  readonly attachments: readonly (readonly number[])[];
}

const folder = join(PACKAGE_PATH, 'test/fixtures/protocol');
const present = PACKAGE_VERSION.split('.', 2).join('.');
const spoken: readonly Line[] = conversations.flatMap(({ who, frames }) =>
  frames.map(({ message, attachments }) => ({
    who,
    message: message as Line['message'],
    attachments: attachments.map((bytes) => [...bytes]),
  })),
);

if (process.env['BGWORKER_REWRITE'] === '1') {
  writeFileSync(join(folder, `${present}.jsonl`), spoken.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** How two copies that do not fit tell each other so, and how the newer one shuts the older one down: the same for ever. */
const FOR_EVER: { readonly [who: string]: readonly string[] } = {
  client: ['hello', 'shutdown'],
  'postmaster, to a client': ['welcome', 'goodbye', 'refused', 'done'],
};

for (const version of readdirSync(folder).map((name) => name.replace('.jsonl', ''))) {
  const isNeighbour = mayTalk(versionOf(`${version}.0`), versionOf(PACKAGE_VERSION));
  const recorded = readFileSync(join(folder, `${version}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter(({ who, message }) => isNeighbour || FOR_EVER[who]?.includes(String(message['type'])));

  test(`all that a ${version} says is understood`, () => {
    for (const { who, message, attachments } of recorded) {
      const { parse } = conversations.find((conversation) => conversation.who === who) ?? {};
      const frame: Frame<unknown> = { message, attachments: attachments.map((bytes) => Uint8Array.from(bytes)) };
      const say = (problem: string): string =>
        `${who}: a ${version} says ${String(message['type'])}, and ${problem}.\n${JSON.stringify(message)}\n` +
        `A peer one minor version older must be understood: make the new field optional, or keep what was there ` +
        '("Changing the protocol" in CONTRIBUTING.md).';
      assert.ok(parse !== undefined, say('nobody of this name speaks any more'));
      assert.doesNotThrow(() => parse(frame), say('this version does not understand it'));
    }
  });

  test(`a ${version} understands what is said now, as far as it knows it`, () => {
    for (const { who, message } of recorded) {
      const candidates = spoken.filter((line) => line.who === who && line.message['type'] === message['type']);
      assert.ok(
        candidates.some((line) => holds(line.message, message)),
        `${who}: nothing that is said now has all that a ${version} reads in ${String(message['type'])}:\n` +
          `${JSON.stringify(message)}\nA field may go, or become something else, two minor versions after it was last ` +
          'needed ("Changing the protocol" in CONTRIBUTING.md).',
      );
    }
  });
}

test('all that this version says is recorded', () => {
  const recorded = readFileSync(join(folder, `${present}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  for (const line of spoken) {
    assert.ok(
      recorded.includes(JSON.stringify(line)),
      `${line.who}: ${String(line.message['type'])} is not recorded as it is said now. If what was recorded is still ` +
        'understood, and nothing of this version is released, record it: ' +
        'BGWORKER_REWRITE=1 npm test -- test/protocol/recorded.test.ts',
    );
  }
});

test('it can be told whether a change breaks a peer', () => {
  const told = { type: 'x', a: 1, list: [{ b: 'text' }], kind: 'one', none: null };
  const kept: readonly object[] = [told, { ...told, more: 1 }, { ...told, a: 2, list: [{ b: 'other', c: 1 }] }];
  const broken: readonly object[] = [
    { ...told, a: undefined },
    { ...told, a: '1' },
    { ...told, list: [{ c: 1 }] },
    { ...told, kind: 'two' },
    { ...told, none: 0 },
  ];
  for (const change of kept) assert.ok(holds(change, told), JSON.stringify(change));
  for (const change of broken) assert.ok(!holds(change, told), JSON.stringify(change));
});

/** What tells one shape from another; all other values may be what they like. */
const TELLS_SHAPES = ['type', 'kind', 'word', 'why', 'state'];

/** Whether everything that is in `old` is in `now`, and is the same kind of thing. */
function holds(now: unknown, old: unknown): boolean {
  if (Array.isArray(old)) {
    if (!Array.isArray(now)) return false;
    return old.length === 0 || now.some((entry) => holds(entry, old[0]));
  }
  if (typeof old !== 'object' || old === null) return now === null ? old === null : typeof now === typeof old;
  if (typeof now !== 'object' || now === null) return false;
  return Object.entries(old).every(([field, value]) => {
    const here: unknown = (now as Record<string, unknown>)[field];
    return TELLS_SHAPES.includes(field) && typeof value === 'string' ? here === value : holds(here, value);
  });
}

function versionOf(version: string): { readonly protocol: number; readonly package: string } {
  return { protocol: PROTOCOL_VERSION, package: version };
}
