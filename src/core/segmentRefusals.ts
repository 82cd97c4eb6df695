/**
 * What is answered when a segment cannot be had, in words and with what to do about it. When each is given stands in
 * segments.ts.
 *
 * Model: the errors of dsm.c and dsm_registry.c; but where C tells an unknown handle from a segment that was let go by a
 * null without a word, both are one error here, since a number is never used twice and so can only be too old.
 */
import type { SegmentId } from './event.js';
import type { Refusal } from './refusal.js';
import type { Segment } from './sharedMemory.js';

/** Less than 4 GiB, the longest array of bytes that every supported Node can have. */
export const MAX_SEGMENT_BYTES = 2 ** 32 - 4096;

/** As NAMEDATALEN, without the byte that ends it. */
const MAX_NAME_BYTES = 63;

export const NOT_JOINED: Refusal = {
  code: 'ERR_NOT_JOINED',
  message: 'this connection has not joined shared memory',
  hint: 'use bgworker/shm, which joins at its first use, and again when the connection was lost',
};

export const WITHDRAWN: Refusal = {
  code: 'ERR_WITHDRAWN',
  message: 'the wait for a segment was given up before it was ready',
};

export function whyNoSize(sizeBytes: number): Refusal | undefined {
  if (sizeBytes < 1) {
    return {
      code: 'ERR_INVALID_SEGMENT',
      message: 'a segment cannot be empty',
      detail: `${sizeBytes} bytes were asked for`,
      hint: 'ask for one byte at least',
    };
  }
  if (sizeBytes <= MAX_SEGMENT_BYTES) return undefined;
  return {
    code: 'ERR_SEGMENT_TOO_LARGE',
    message: 'a segment cannot be so large',
    detail: `${sizeBytes} bytes were asked for, and ${MAX_SEGMENT_BYTES} are the most`,
    hint: 'divide it among several segments',
  };
}

export function whyNoName(name: string): Refusal | undefined {
  const sizeBytes = utf8Bytes(name);
  if (sizeBytes > 0 && sizeBytes <= MAX_NAME_BYTES) return undefined;
  return {
    code: 'ERR_INVALID_SEGMENT',
    message: sizeBytes === 0 ? 'the name of a segment cannot be empty' : 'the name of a segment cannot be so long',
    detail: `it has ${sizeBytes} bytes of 1 to ${MAX_NAME_BYTES}`,
    hint: 'choose another name, or a segment without one',
  };
}

export function tooManySegments(maxSegments: number): Refusal {
  return {
    code: 'ERR_TOO_MANY_SEGMENTS',
    message: 'there are as many segments as there may be',
    detail: `maxSegments is ${maxSegments}`,
    hint: 'detach from those that nobody needs, unpin the pinned ones, or raise maxSegments',
  };
}

export function unknownSegment(id: SegmentId, nextId: SegmentId): Refusal {
  return {
    code: 'ERR_UNKNOWN_SEGMENT',
    message: 'no such segment',
    detail: id < nextId ? `${id} is not there any more, or not ready yet` : `${id} was never made by this postmaster`,
    hint: 'attach while somebody holds it, or have it pinned',
  };
}

export function sizeMismatch({ name, sizeBytes }: Segment, asked: number): Refusal {
  return {
    code: 'ERR_SEGMENT_SIZE_MISMATCH',
    message: 'the segment of this name has another size',
    detail: `${JSON.stringify(name)} has ${sizeBytes} bytes, and ${asked} were asked for`,
    hint: 'ask for the same size everywhere, or choose another name',
  };
}

export function attachedAlready(id: SegmentId): Refusal {
  return {
    code: 'ERR_SEGMENT_ATTACHED',
    message: 'this process has the segment already',
    detail: `segment ${id}`,
    hint: 'use what attaching gave the first time, which findSegment(handle) gives too; or detach before',
  };
}

export function notAttached(id: SegmentId): Refusal {
  return {
    code: 'ERR_SEGMENT_NOT_ATTACHED',
    message: 'only who has a segment can pin it',
    detail: `segment ${id}`,
    hint: 'attach to it before',
  };
}

export function pinned(id: SegmentId): Refusal {
  return { code: 'ERR_SEGMENT_PINNED', message: 'the segment is pinned already', detail: `segment ${id}` };
}

export function notPinned(id: SegmentId): Refusal {
  return { code: 'ERR_SEGMENT_NOT_PINNED', message: 'the segment is not pinned', detail: `segment ${id}` };
}

/** Of a text, as UTF-8. */
function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
