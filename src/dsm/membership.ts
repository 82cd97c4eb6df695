/**
 * What a client is in its postmaster's shared memory: a member, and the segments it holds. There is one for each
 * connection, made by the first use. When the connection is lost the membership is, whatever becomes of the process:
 * the postmaster has told the others that this member is gone, so it must not go on as if it were there. Waits fail,
 * segments are let go, and the next use makes another membership.
 *
 * Segments are let go newest first, also when the process exits (R-DSM-23); a process that is killed lets go of
 * nothing, and the postmaster sees to it by the end of its connection.
 */
import { BgworkerError } from '../base/index.js';
import type { MemoryLink, MemoryOwner } from '../client/index.js';
import { beginWait, linkToMemory, memoryLinkOf, PostmasterDiedError, runtime, unlessAborted } from '../client/index.js';
import type { MemberLine, Segment } from '../shm/index.js';
import { checkSharedMemory, Member } from '../shm/index.js';

/** By the link of a connection, however it was come by. */
const memberships = new WeakMap<MemoryLink, Promise<Membership>>();
/** Of this process, oldest first: for its end. */
const present = new Set<Membership>();

/** Throws what keeps this process from having shared memory, and what the postmaster refuses with. */
export async function membershipOf(owner: MemoryOwner): Promise<Membership> {
  checkSharedMemory();
  const key = owner[linkToMemory]();
  for (;;) {
    const known = memberships.get(key) ?? join(key, memoryLinkOf(owner));
    const membership = await known;
    if (membership.member.lost === undefined) return membership;
    // It was lost while we waited for it.
    if (memberships.get(key) === known) memberships.delete(key);
  }
}

function join(key: MemoryLink, link: MemoryLink): Promise<Membership> {
  const joining = link.ask({ type: 'memoryJoin' }, ({ member, doorbells }) => {
    return new Membership(link, new Member({ number: member, doorbells, lines: () => linesOf(link), beginWait }));
  });
  memberships.set(key, joining);
  joining.catch(() => memberships.delete(key));
  return joining;
}

/** Who is a worker is interrupted by an order; everybody by the end of the postmaster. */
function linesOf(link: MemoryLink): MemberLine[] {
  const orders = runtime.worker?.ordersDescriptor;
  return link.descriptors().map((descriptor) => {
    if (descriptor !== orders) return { descriptor, input: false };
    return { descriptor, input: true, hungUp: () => new PostmasterDiedError('its line to this worker has ended') };
  });
}

export class Membership {
  readonly link: MemoryLink;
  readonly member: Member;
  /** By id, oldest first. */
  readonly #segments = new Map<number, Segment>();
  /** Those that the end of the process does not detach, since something may still be said in them. */
  readonly #lasting = new Set<Segment>();
  /** Those under way included. */
  readonly #named = new Map<string, Promise<{ readonly isAttached: boolean }>>();
  /** What was released since somebody began to watch. */
  readonly #releases = new Set<Set<number>>();

  /** The process is ending. */
  #isLeaving = false;

  constructor(link: MemoryLink, member: Member) {
    this.link = link;
    this.member = member;
    const deafen = link.onMemberGone((number) => member.tellGone(number));
    const unlisten = link.onLost((error) => {
      deafen();
      unlisten();
      this.#end(error);
    });
    if (present.size === 0) process.on('exit', leaveAll);
    present.add(this);
  }

  find(id: number): Segment | undefined {
    return this.#segments.get(id);
  }

  hold(id: number, segment: Segment): void {
    this.#segments.set(id, segment);
  }

  /** Keeps it until the process has ended: whatever its exit listeners write is seen. The postmaster does the rest. */
  holdToTheLast(segment: Segment): void {
    this.#lasting.add(segment);
  }

  /** The segment was detached here. */
  release(id: number): void {
    const segment = this.#segments.get(id);
    if (segment !== undefined) this.#lasting.delete(segment);
    this.#segments.delete(id);
    for (const released of this.#releases) released.add(id);
    // The end of the connection says it, and tells the others that this member is gone, while they still share it.
    if (this.#isLeaving) return;
    this.link.tell({ type: 'segmentDetach', id });
  }

  /** What is asked, and which segments were released here before the answer was read. */
  async watchReleases<T>(
    ask: () => Promise<T>,
  ): Promise<{ readonly answer: T; readonly wasReleased: (id: number) => boolean }> {
    const released = new Set<number>();
    this.#releases.add(released);
    try {
      return { answer: await ask(), wasReleased: (id) => released.has(id) };
    } finally {
      this.#releases.delete(released);
    }
  }

  /** The same name is asked for once in a process. Who comes meanwhile waits for that, and asks himself if it fails. */
  async named<T extends { readonly isAttached: boolean }>(
    name: string,
    ask: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (let known = this.#named.get(name); known !== undefined; known = this.#named.get(name)) {
      const found = await unlessAborted(
        known.catch(() => undefined),
        signal,
      );
      if (found?.isAttached === true) return found as T;
      if (this.#named.get(name) === known) this.#named.delete(name);
    }
    const asking = ask();
    this.#named.set(name, asking);
    asking.catch(() => {
      if (this.#named.get(name) === asking) this.#named.delete(name);
    });
    return asking;
  }

  /** Of this process, without a word to the postmaster, who knows. */
  #end(error: BgworkerError): void {
    this.member.lose(error);
    // Whoever has lost his place has not left it in order.
    this.#detachAll(() => true, error.code !== 'ERR_CLIENT_CLOSED');
    this.#close();
  }

  /**
   * At the end of the process, which is a failure unless it ends with 0: who reads what it sends must not take half of it
   * for all. Where something lasts to the last, its member does.
   */
  leave(isFailure: boolean): void {
    this.#isLeaving = true;
    this.#detachAll((segment) => !this.#lasting.has(segment), isFailure);
    if (this.#lasting.size > 0) return;
    this.member.lose(new BgworkerError('ERR_MEMORY_LOST', 'this process is exiting'));
    this.#close();
  }

  #close(): void {
    this.member.close();
    present.delete(this);
    if (present.size === 0) process.off('exit', leaveAll);
  }

  #detachAll(isMeant: (segment: Segment) => boolean, isFailure: boolean): void {
    for (const segment of [...this.#segments.values()].reverse())
      if (isMeant(segment)) detachSegment(segment, isFailure);
  }
}

function leaveAll(exitCode: number): void {
  for (const membership of [...present].reverse()) membership.leave(exitCode !== 0);
}

/** What a callback throws concerns its author, and nobody else. `isFailure`: as Segment.detach. */
export function detachSegment(segment: Segment, isFailure = false): void {
  for (const error of segment.detach({ isFailure })) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)), {
      detail: `thrown by a callback while ${segment.name} was being detached`,
    });
  }
}
