/**
 * The rules of what is said about shared memory, both ways: the rows of schema.ts that concern it. Apart from there only
 * for its length. What a size or a name may be is the core's to say, with a refusal that names the limit; here it is only
 * seen to that it is a number, or text.
 */
import type { MemoryMessage, PostmasterMessage } from './message.js';
import type { Rule } from './rule.js';
import { boolean, integer, list, optional, orNull, record, text } from './rule.js';

type FieldRules<M> = { readonly [Field in Exclude<keyof M, 'type'>]-?: Rule };

type MemoryAnswer = Extract<PostmasterMessage, { readonly type: 'memory' | 'segment' | 'segments' | 'memberGone' }>;

const MAX_TEXT = 64 * 1024;
const MAX_ROWS = 1_000_000;

const request = integer(1, Number.MAX_SAFE_INTEGER);
const id = integer(1, Number.MAX_SAFE_INTEGER);
const sizeBytes = integer(0, Number.MAX_SAFE_INTEGER);
/** It stands in a word of 32 bits. */
const member = integer(1, 2 ** 31 - 1);

const holder = record({
  member,
  worker: orNull(record({ slot: integer(0, 999_999_999), generation: integer(0, 999_999_999_999_999) })),
});

const row = record({
  id,
  name: orNull(text(MAX_TEXT)),
  sizeBytes,
  pinned: boolean,
  holders: list(holder, MAX_ROWS),
});

/** From a client. */
export const segmentRules: { readonly [M in MemoryMessage as M['type']]: FieldRules<M> } = {
  memoryJoin: { request },
  segmentCreate: { request, sizeBytes },
  segmentNamed: { request, name: text(MAX_TEXT), sizeBytes },
  segmentInitialised: { request, id },
  segmentAttach: { request, id },
  segmentPin: { request, id },
  segmentUnpin: { request, id },
  segmentList: { request, from: optional(id) },
  segmentDetach: { id },
};

/** To a client. */
export const memoryRules: { readonly [M in MemoryAnswer as M['type']]: FieldRules<M> } = {
  memory: { request, member, doorbells: text(MAX_TEXT) },
  segment: { request, id, sizeBytes, file: text(MAX_TEXT), created: boolean },
  segments: { request, rows: list(row, MAX_ROWS), next: orNull(id) },
  memberGone: { member },
};
