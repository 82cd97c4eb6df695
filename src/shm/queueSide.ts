/**
 * What the two sides of a message queue have in common: who has it, who has the other one, whether that one is still
 * there, and how to wait for it.
 *
 * A side ends in one of two ways, and the other one can tell them apart. It *detached*: it said so, after the last
 * byte that it published, and the other gets `'detached'`. Or it *died*: its member is gone and has not said so, and
 * the other gets `ERR_PEER_DIED`. The same holds before it attached, where a `PeerWatch` knows it (R-MQ-40 and R-MQ-42;
 * PostgreSQL notices a death only until then, and calls it detached). Whoever asks must do it in this order, or the
 * last message is lost: dead? detached? what was published? (R-MQ-30, R-MQ-33).
 */
import { BgworkerError } from '../base/index.js';
import type { Chunk, Leave } from './chunk.js';
import { HEADER_WORDS } from './chunk.js';
import type { Part } from './layout.js';
import { wordPart } from './layout.js';
import type { BlockingWaitOptions, MemberLine, Place, WaitOptions } from './member.js';
import { Sleeper } from './sleeper.js';
import type { Words } from './words.js';

/** Written once, by the creator. */
export const RING_BYTES = HEADER_WORDS;

/** Where a side is described. The first two are written once, by itself; the sleeper's by both, only around a sleep. */
interface SideWords {
  readonly name: 'sender' | 'receiver';
  /** Its member's number; 0 as long as nobody has it. */
  readonly member: number;
  /** 1 from the moment on it detached. */
  readonly detached: number;
  readonly sleeper: number;
}

const SENDER: SideWords = { name: 'sender', member: 3, detached: 4, sleeper: 5 };
const RECEIVER: SideWords = { name: 'receiver', member: 6, detached: 7, sleeper: 8 };

/** For the queue's picture. */
export const SIDE_PARTS: readonly Part[] = [
  wordPart(RING_BYTES, 'ring size', 'its creator', 'in bytes'),
  ...[SENDER, RECEIVER].flatMap(({ name, member, detached, sleeper }) => [
    wordPart(member, name, name, 'its member, written once; 0: not there yet'),
    wordPart(detached, `${name} detached`, name, '1 when it will do no more'),
    wordPart(sleeper, `${name} sleeps`, 'sleeper and waker', 'the member to ring for; 0: it is awake'),
  ]),
];

/** Nobody is there yet. */
export function clearSides({ words }: Chunk): void {
  for (const { member, detached, sleeper } of [SENDER, RECEIVER]) {
    for (const word of [member, detached, sleeper]) words.store(word, 0);
  }
}

/** Somebody who is to attach to the other side: a worker, as its handle knows it. */
export interface PeerWatch {
  /** It has ended, or will never start. */
  readonly isGone: boolean;
  /** Gives back how to stop listening. */
  onGone(listener: () => void): () => void;
  /** By which line the news of it comes, for blocking waits. Not needed if it is the member's own. @internal */
  readonly line?: MemberLine;
}

/** How to take a side. */
export interface SideOptions {
  /** Noticed when it ends without ever having attached. Without it, waiting for the other side may take for ever. */
  readonly peer?: PeerWatch | undefined;
}

/** How the other side ended. */
export type QueueEnding = 'detached' | 'peerDied';

/** A death is asked after with a system call, so those who only try do it so often. */
const DEATH_CHECK_MS = 1;

export class QueueSide {
  readonly chunk: Chunk;
  readonly #words: Words;
  readonly #own: SideWords;
  readonly #other: SideWords;
  readonly #sleeper: Sleeper;
  readonly #otherSleeper: Sleeper;
  readonly #asleep = new Set<object>();
  readonly #leave: Leave = (isFailure) => this.detach(isFailure);
  readonly #beforeDetach: () => void;
  #watch: PeerWatch | undefined;
  #peerNumber = 0;
  #isDetached = false;
  #ending: QueueEnding | null = null;
  #broken: unknown;
  #checkedDeathAt = 0;

  /** Takes the side. `beforeDetach` is called once. Throws `ERR_QUEUE_SIDE_TAKEN`. */
  constructor(chunk: Chunk, side: 'sender' | 'receiver', { peer }: SideOptions, beforeDetach: () => void) {
    chunk.segment.checkAttached();
    this.chunk = chunk;
    this.#own = side === 'sender' ? SENDER : RECEIVER;
    this.#other = side === 'sender' ? RECEIVER : SENDER;
    this.#beforeDetach = beforeDetach;
    this.#watch = peer;
    const { words, member } = chunk;
    this.#words = words;
    this.#sleeper = new Sleeper(words, this.#own.sleeper, member);
    this.#otherSleeper = new Sleeper(words, this.#other.sleeper, member);
    const holder = words.compareExchange(this.#own.member, 0, member.number);
    if (holder !== 0) {
      throw new BgworkerError('ERR_QUEUE_SIDE_TAKEN', `this queue has its ${side} already`, {
        detail: `member ${holder}`,
        hint: 'a queue has one sender and one receiver, and each stays what it is; make a queue for each pair',
      });
    }
    chunk.segment.busy.add(this.#leave);
    this.wakeOther();
  }

  /** How the other side ended, as soon as we know and have all it sent; null before. */
  get ending(): QueueEnding | null {
    return this.#ending;
  }

  /** Also when its segment is detached, and when its memory is broken: as long as it is not, `check` finds nothing. */
  get isDetached(): boolean {
    return this.#isDetached;
  }

  /** Sets whom to watch. Throws `ERR_PEER_SET` when that was done. */
  setPeer(peer: PeerWatch): void {
    if (this.#watch !== undefined) {
      throw new BgworkerError('ERR_PEER_SET', 'it is known already who is to be on the other side', {
        hint: 'setPeer() is for a side that was taken without a peer, once',
      });
    }
    this.#watch = peer;
    // Whoever waits looks again, and listens to it.
    this.wakeOwn();
  }

  /** Throws why nothing can be done here any more. */
  check(): void {
    this.chunk.segment.checkAttached();
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** An error that leaves nothing to be believed here is thrown from now on. Gives it back. */
  broke(error: unknown): unknown {
    if (error instanceof BgworkerError && error.code === 'ERR_QUEUE_CORRUPT') {
      this.#broken ??= error;
      this.detach();
    }
    return error;
  }

  wakeOther(): void {
    this.#otherSleeper.wake();
  }

  wakeOwn(): void {
    this.chunk.member.wake(this.chunk.member.number);
  }

  /** Attached, whatever became of it. */
  get hasPeer(): boolean {
    return this.#peer() !== 0;
  }

  get peerDetached(): boolean {
    return this.#words.load(this.#other.detached) !== 0;
  }

  /**
   * How the other side has ended, if it has. `surely` asks the system, which costs a call; others ask it now and then.
   * What it published must be looked for after that.
   */
  ended(surely: boolean): QueueEnding | undefined {
    if (this.#ending !== null) return this.#ending;
    const isDead = (surely || this.#isTimeToAsk()) && this.#isPeerGone();
    if (this.peerDetached) return 'detached';
    return isDead ? 'peerDied' : undefined;
  }

  /** It has, and there is nothing more to come. The result, or what is to be thrown. */
  end(ending: QueueEnding): 'detached' {
    this.#ending = ending;
    // A worker that is started again later must not take it for a queue that works (R-MQ-43).
    if (ending === 'peerDied') this.detach();
    if (ending === 'detached') return 'detached';
    throw new BgworkerError('ERR_PEER_DIED', 'the process on the other side of the queue is gone', {
      detail:
        this.#peerNumber === 0 ? 'it never attached' : `it was the ${this.#other.name}, member ${this.#peerNumber}`,
      hint:
        this.#other.name === 'sender'
          ? 'it ended without detaching; what it sent before was received, a message that it had begun is dropped'
          : 'it ended without detaching; what it had not received is lost. Its handle says why: waitForShutdown()',
    });
  }

  /** Until somebody is on the other side (R-MQ-40, R-MQ-41). */
  waitForAttach(options?: WaitOptions): Promise<'attached' | 'detached' | 'timeout'> {
    return this.chunk.member.wait(this.#attachPlace(), options);
  }

  waitForAttachBlocking(options?: BlockingWaitOptions): 'attached' | 'detached' | 'timeout' {
    return this.chunk.member.waitBlocking(this.#attachPlace(), options);
  }

  /** Where one waits at this side. `look` is told whether it is the last look before the sleep. */
  place<T>(event: string, look: (isLast: boolean) => T | undefined): Place<T> {
    let isLast = false;
    let unlisten: (() => void) | undefined;
    const place: Place<T> = {
      event,
      look: () => {
        const wasLast = isLast;
        isLast = false;
        return look(wasLast);
      },
      sleep: () => {
        isLast = true;
        this.#asleep.add(place);
        this.#sleeper.sleep();
        if (this.#peerNumber === 0) unlisten ??= this.#watch?.onGone(() => this.wakeOwn());
      },
      rise: () => {
        unlisten?.();
        unlisten = undefined;
        this.#asleep.delete(place);
        if (this.#asleep.size === 0) this.#sleeper.rise();
      },
      peer: () => this.#peerNumber,
      line: () => (this.#peerNumber === 0 ? this.#watch?.line : undefined),
    };
    return place;
  }

  /** For good, as the other side sees it. Whoever waits here is woken. Safe to call twice. */
  detach(isFailure = false): void {
    if (this.#isDetached) return;
    this.#isDetached = true;
    this.chunk.segment.busy.delete(this.#leave);
    if (this.#asleep.size > 0) this.wakeOwn();
    if (this.chunk.segment.isAttached) {
      if (this.#broken === undefined) this.#beforeDetach();
      if (!isFailure) this.#words.store(this.#own.detached, 1);
      this.wakeOther();
    }
  }

  #attachPlace(): Place<'attached' | 'detached'> {
    return this.place('MessageQueueInternal', (isLast) => {
      this.check();
      const isGone = this.#ending === 'peerDied' || (isLast && this.#isPeerGone());
      if (this.hasPeer) return this.peerDetached ? 'detached' : 'attached';
      if (isGone) return this.end('peerDied');
      return this.#isDetached ? 'detached' : undefined;
    });
  }

  #peer(): number {
    if (this.#peerNumber !== 0) return this.#peerNumber;
    const number = this.#words.load(this.#other.member);
    if (number === 0) return 0;
    // Gets to know its doorbell while nothing can be lost if that fails.
    this.chunk.member.isGone(number);
    this.#peerNumber = number;
    return number;
  }

  #isPeerGone(): boolean {
    const isGoneBefore = this.#peerNumber === 0 && this.#watch?.isGone === true;
    const number = this.#peer();
    return number === 0 ? isGoneBefore : this.chunk.member.isGone(number);
  }

  #isTimeToAsk(): boolean {
    const now = performance.now();
    if (now - this.#checkedDeathAt < DEATH_CHECK_MS) return false;
    this.#checkedDeathAt = now;
    return true;
  }
}
