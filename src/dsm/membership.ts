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
import type { Client, MemoryLink } from '../client/index.js';
import { beginWait, memoryLinkOf, PostmasterDiedError, runtime } from '../client/index.js';
import type { MemberLine, Segment } from '../shm/index.js';
import { checkSharedMemory, Member } from '../shm/index.js';

const memberships = new WeakMap<Client, Promise<Membership>>();
/** Of this process, oldest first: for its end. */
const present = new Set<Membership>();

/** Throws what keeps this process from having shared memory, and what the postmaster refuses with. */
export async function membershipOf(client: Client): Promise<Membership> {
  checkSharedMemory();
  for (;;) {
    const known = memberships.get(client) ?? join(client);
    const membership = await known;
    if (membership.member.lost === undefined) return membership;
    // It was lost while we waited for it.
    if (memberships.get(client) === known) memberships.delete(client);
  }
}

function join(client: Client): Promise<Membership> {
  const link = memoryLinkOf(client);
  const joining = link.ask({ type: 'memoryJoin' }, ({ member, doorbells }) => {
    return new Membership(link, new Member({ number: member, doorbells, lines: () => linesOf(link), beginWait }));
  });
  memberships.set(client, joining);
  joining.catch(() => memberships.delete(client));
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
  /** Those under way included. */
  readonly #named = new Map<string, Promise<unknown>>();

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

  /** The segment was detached here. */
  release(id: number): void {
    this.#segments.delete(id);
    this.link.tell({ type: 'segmentDetach', id });
  }

  /** The same name is asked for once in a process; a failure is forgotten. */
  named<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#named.get(name);
    if (known !== undefined) return known as Promise<T>;
    const asking = ask();
    this.#named.set(name, asking);
    asking.catch(() => this.forgetName(name));
    return asking;
  }

  forgetName(name: string): void {
    this.#named.delete(name);
  }

  /** Of this process, without a word to the postmaster, who knows. */
  #end(error: BgworkerError): void {
    this.member.lose(error);
    this.#detachAll();
    this.member.close();
    present.delete(this);
    if (present.size === 0) process.off('exit', leaveAll);
  }

  leave(): void {
    this.#detachAll();
    this.#end(new BgworkerError('ERR_MEMORY_LOST', 'this process is exiting'));
  }

  #detachAll(): void {
    for (const segment of [...this.#segments.values()].reverse()) detachSegment(segment);
  }
}

function leaveAll(): void {
  for (const membership of [...present].reverse()) membership.leave();
}

/** What a callback throws concerns its author, and nobody else. */
export function detachSegment(segment: Segment): void {
  for (const error of segment.detach()) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)), {
      detail: `thrown by a callback while ${segment.name} was being detached`,
    });
  }
}
