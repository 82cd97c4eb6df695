/**
 * A latch in shared memory: a flag that any process can set and one process can wait for. The rules are those of the
 * latch inside one process (protocol/latch.ts): whoever has something to tell changes its state first and sets the
 * latch then; whoever waits resets it first and looks then. A set latch ends every wait at once, until it is reset.
 *
 * One process owns it at a time, and only that one waits and resets (R-LAT-1, R-LAT-3). An owner that died has lost it.
 *
 * Model: latch.c. Words: the flag, the owner, the sleeper. A set looks at the flag first and does nothing when it is set
 * already: then somebody else has seen to the sleeper, or is about to.
 */
import type { Readable, Writable } from 'node:stream';
import { BgworkerError } from '../base/index.js';
import type { Chunk } from './chunk.js';
import { aligned, beginThing, checkThing, finishThing, HEADER_PARTS, HEADER_WORDS } from './chunk.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { BlockingWaitOptions, MemberLine, Place, WaitOptions } from './member.js';
import { Sleeper } from './sleeper.js';
import type { Words } from './words.js';

const IS_SET = HEADER_WORDS;
/** A member's number; 0 for nobody. */
const OWNER = HEADER_WORDS + 1;
const SLEEPER = HEADER_WORDS + 2;
const WORDS = HEADER_WORDS + 3;

/** For its picture. */
export const LATCH_PARTS: readonly Part[] = [
  ...HEADER_PARTS,
  wordPart(IS_SET, 'is set', 'everybody', '1 from a set to the next reset'),
  wordPart(OWNER, 'owner', 'its owner', 'the member that may wait and reset; 0: none'),
  wordPart(SLEEPER, 'sleeper', 'sleeper and waker', 'the member to ring for; 0: it is awake'),
];

/** What ended a wait for it. */
export type SharedLatchEvent = 'latchSet' | 'timeout' | 'socketReadable' | 'socketWritable';

/** How to wait for it. */
export interface LatchWait extends WaitOptions {
  /**
   * Ends the wait too, when something can be read from it, or its end has come. It goes over to being read by `read()`
   * while one waits. PostgreSQL: WaitLatchOrSocket.
   */
  readonly readable?: Readable | undefined;
  /** Ends the wait too, when something can be written to it without waiting, or it is closed. */
  readonly writable?: Writable | undefined;
}

/** How to wait for it without yielding. */
export interface BlockingLatchWait extends BlockingWaitOptions {
  /** The descriptor of a socket or pipe: ends the wait too, when something can be read from it, or its end has come. */
  readonly readable?: number | undefined;
  /** Ends the wait too, when something can be written to it, or it is closed. */
  readonly writable?: number | undefined;
}

/** A latch that any process of a segment can set, and its owner waits for. PostgreSQL: a shared Latch. */
export class SharedLatch {
  readonly #chunk: Chunk;
  readonly #words: Words;
  readonly #sleeper: Sleeper;

  /** How many bytes it takes in a segment. */
  static sizeFor(): number {
    return aligned(WORDS * 4);
  }

  /** Makes one, that nobody owns and that is not set. PostgreSQL: InitSharedLatch. */
  static create(chunk: Chunk): SharedLatch {
    beginThing(chunk, 'latch', SharedLatch.sizeFor());
    for (const word of [IS_SET, OWNER, SLEEPER]) chunk.words.store(word, 0);
    finishThing(chunk);
    return new SharedLatch(chunk);
  }

  /** Throws `ERR_WRONG_MEMORY` when there is none. */
  static attach(chunk: Chunk): SharedLatch {
    checkThing(chunk, 'latch', SharedLatch.sizeFor);
    return new SharedLatch(chunk);
  }

  private constructor(chunk: Chunk) {
    this.#chunk = chunk;
    this.#words = chunk.words;
    this.#sleeper = new Sleeper(chunk.words, SLEEPER, chunk.member);
  }

  /** Whether it was set since the last reset. */
  get isSet(): boolean {
    return this.#words.load(IS_SET) !== 0;
  }

  /** Makes it ours. Throws `ERR_LATCH_OWNED` when it is somebody's who lives. PostgreSQL: OwnLatch. */
  own(): void {
    this.#chunk.segment.checkAttached();
    const { number } = this.#chunk.member;
    for (;;) {
      const owner = this.#words.load(OWNER);
      if (owner === number) return;
      if (owner !== 0 && !this.#chunk.member.isGone(owner)) {
        throw new BgworkerError('ERR_LATCH_OWNED', 'the latch has an owner', {
          detail: `member ${owner}`,
          hint: 'a latch is waited for by one process; give each its own',
        });
      }
      if (this.#words.compareExchange(OWNER, owner, number) === owner) return;
    }
  }

  /** Gives it up. Whoever owns it next finds it set, if it is. PostgreSQL: DisownLatch. */
  disown(): void {
    this.#words.compareExchange(OWNER, this.#chunk.member.number, 0);
  }

  /** By any process, any number of times. Never fails; without an owner it just stays set (R-LAT-2). */
  set(): void {
    if (!this.#chunk.segment.isAttached || this.#words.exchange(IS_SET, 1) !== 0) return;
    this.#sleeper.wake();
  }

  /** By its owner: reset first, then look at what there is to do, then wait. */
  reset(): void {
    this.#checkOwned();
    this.#words.store(IS_SET, 0);
  }

  /**
   * Resolves when it is set, at once if it is, and before anything else. Rejects with the signal's reason, and when this
   * process has lost its place in the memory. Throws `ERR_LATCH_NOT_OWNED`.
   */
  async wait({ readable, writable, ...options }: LatchWait = {}): Promise<SharedLatchEvent> {
    this.#checkOwned();
    const place = this.#place(() => lookAtStreams(readable, writable));
    return this.#chunk.member.wait({ ...place, listen: (look) => listenToStreams(readable, writable, look) }, options);
  }

  /** As `wait`, but the event loop stands still. Throws `ERR_WAIT_INTERRUPTED` when it has something to do. */
  waitBlocking({ readable, writable, ...options }: BlockingLatchWait = {}): SharedLatchEvent {
    this.#checkOwned();
    for (const descriptor of [readable, writable]) checkDescriptor(descriptor);
    let found: SharedLatchEvent | undefined;
    const line: MemberLine = {
      descriptor: readable ?? writable ?? -1,
      input: readable !== undefined,
      output: writable !== undefined,
      found: ({ canWrite }) => {
        found = canWrite || readable === undefined ? 'socketWritable' : 'socketReadable';
      },
    };
    if (readable !== undefined && writable !== undefined && readable !== writable) {
      throw new BgworkerError('ERR_INVALID_ARGUMENT', 'a blocking wait looks at one descriptor', {
        detail: `${readable} to read from, ${writable} to write to`,
        hint: 'wait for one of the two, or on the event loop',
      });
    }
    return this.#chunk.member.waitBlocking({ ...this.#place(() => found), line: () => line }, options);
  }

  #place(lookElsewhere: () => SharedLatchEvent | undefined): Place<SharedLatchEvent> {
    return {
      event: 'Latch',
      look: () => {
        this.#chunk.segment.checkAttached();
        // The latch goes before everything else (R-LAT-7).
        return this.isSet ? 'latchSet' : lookElsewhere();
      },
      sleep: () => this.#sleeper.sleep(),
      rise: () => {
        this.#sleeper.rise();
        // Other tasks of this process may wait for it too, under the same number: they have to say so again.
        this.#chunk.member.lookAgain();
      },
    };
  }

  #checkOwned(): void {
    this.#chunk.segment.checkAttached();
    if (this.#words.load(OWNER) === this.#chunk.member.number) return;
    throw new BgworkerError('ERR_LATCH_NOT_OWNED', 'only its owner may wait for a latch or reset it', {
      hint: 'call own() first',
    });
  }
}

/** Anything else would be taken for descriptor 0. */
function checkDescriptor(descriptor: unknown): void {
  if (descriptor === undefined || (Number.isInteger(descriptor) && Number(descriptor) >= 0)) return;
  throw new BgworkerError('ERR_INVALID_ARGUMENT', 'a blocking wait looks at a descriptor', {
    detail: `it is ${typeof descriptor === 'number' ? descriptor : `of type ${typeof descriptor}`}`,
    hint: 'give its number; for a stream, wait on the event loop: await latch.wait({ readable })',
  });
}

/** An end or an error counts as what was asked for: whoever reads or writes then is told (R-LAT-13). */
function lookAtStreams(readable: Readable | undefined, writable: Writable | undefined): SharedLatchEvent | undefined {
  if (readable !== undefined && (readable.readableLength > 0 || readable.readableEnded || readable.destroyed))
    return 'socketReadable';
  if (writable !== undefined && (!writable.writableNeedDrain || writable.destroyed)) return 'socketWritable';
  return undefined;
}

function listenToStreams(readable: Readable | undefined, writable: Writable | undefined, look: () => void): () => void {
  const heard = [
    ...READABLE_EVENTS.map((event) => ({ stream: readable, event })),
    ...WRITABLE_EVENTS.map((event) => ({ stream: writable, event })),
  ];
  for (const { stream, event } of heard) stream?.on(event, look);
  return () => {
    for (const { stream, event } of heard) stream?.off(event, look);
  };
}

// An error is no surprise to who waits for it; he meets it again when he reads or writes.
const READABLE_EVENTS = ['readable', 'end', 'close', 'error'];
const WRITABLE_EVENTS = ['drain', 'close', 'error'];
