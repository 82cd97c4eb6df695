/**
 * Watches shared memory from outside: it knows what was asked and what was ordered, and keeps its own account of who has
 * which segment.
 *
 * The promises: a segment is removed once, when nobody holds it any more and it is not pinned, and not later than that. A
 * number is never another segment's. One with a name is made ready by one alone, and had by nobody before it is. The end of
 * a member is told to exactly those who shared a segment with it, as soon as they read. No more are made than the limit.
 */
import type { ClientId, Effect, Event, Limits, MemberId, MemoryEvent, SegmentId } from '../../src/core/index.js';
import { expect } from './violation.js';

interface SegmentRecord {
  readonly name: string | null;
  readonly sizeBytes: number;
  readonly holders: Set<MemberId>;
  isPinned: boolean;
  /** Who has to make it ready. */
  initialiser: MemberId | null;
}

type Reply = Extract<Effect, { type: 'reply' }>;

export class MemoryWatch {
  readonly members = new Set<MemberId>();
  readonly segments = new Map<SegmentId, SegmentRecord>();
  readonly #removed = new Set<SegmentId>();
  /** Of whose end a client is to hear. */
  readonly #owed = new Map<ClientId, Set<MemberId>>();
  #toClear: MemberId | null = null;
  #limit: number;
  #isEnd = false;

  constructor({ maxSegments }: Limits) {
    this.#limit = maxSegments;
  }

  /** Any number that was ever given, or one that was not. */
  get ids(): readonly SegmentId[] {
    return [...this.segments.keys(), ...[...this.#removed].slice(-3), 1_000_000];
  }

  /** What the event itself changes. */
  prepare(event: Event): void {
    if (event.type === 'limitsReloaded') this.#limit = event.limits.maxSegments;
    if (event.type === 'clientGone') this.#clientGone(event.client);
    if (event.type === 'segmentDetached') this.segments.get(event.id)?.holders.delete(event.client);
  }

  look(effect: Effect): void {
    switch (effect.type) {
      case 'removeSegment':
        return this.#removeSegment(effect.id);
      case 'memberGone':
        for (const client of effect.clients) {
          expect(
            this.#owed.get(client)?.delete(effect.member) === true,
            'who shared nothing with the dead is not told',
          );
        }
        return;
      case 'clearMember':
        expect(effect.member === this.#toClear, 'who is cleared away was a member and is gone');
        this.#toClear = null;
        return;
      case 'exit':
        this.members.clear();
        return expect(this.segments.size === 0, 'no segment outlives its postmaster');
    }
  }

  /** With the postmaster all go, held or not. */
  beginEnd(): void {
    this.#isEnd = true;
  }

  answered(question: MemoryEvent & { readonly request: number }, { client, answer }: Reply): void {
    if (answer.answer === 'memory') {
      this.members.add(client);
      return expect(answer.member === client, 'a member is its connection');
    }
    const isDone = answer.answer !== 'refused';
    if (isDone) expect(this.members.has(client), 'only members are given anything');
    switch (question.type) {
      case 'memoryJoinRequested':
        return expect(!isDone || this.members.has(client), 'who is not refused has joined');
      case 'segmentRequested':
      case 'namedSegmentRequested': {
        if (answer.answer !== 'segment') return;
        const name = question.type === 'segmentRequested' ? null : question.name;
        expect(answer.sizeBytes === question.sizeBytes, 'a segment is as large as it was asked for');
        return answer.created
          ? this.#made(client, answer.id, name, answer.sizeBytes)
          : this.#had(client, answer.id, name);
      }
      case 'segmentAttachRequested': {
        const segment = this.#ready(question.id);
        const mayHave = this.members.has(client) && segment !== undefined && !segment.holders.has(client);
        expect(isDone === mayHave, 'what is there can be had once, and what is not cannot');
        if (isDone) segment?.holders.add(client);
        return;
      }
      case 'segmentInitialised': {
        const segment = this.segments.get(question.id);
        expect(isDone === (segment?.initialiser === client), 'who was told to make it ready has done so');
        if (!isDone || segment === undefined) return;
        segment.initialiser = null;
        segment.isPinned = true;
        return;
      }
      case 'segmentPinRequested':
      case 'segmentUnpinRequested': {
        const segment = this.#ready(question.id);
        const isPin = question.type === 'segmentPinRequested';
        const may = segment !== undefined && segment.isPinned !== isPin && (!isPin || segment.holders.has(client));
        expect(isDone === (may && this.members.has(client)), 'what is held can be pinned once');
        if (isDone && segment !== undefined) segment.isPinned = isPin;
        return;
      }
    }
  }

  /** A question about a name may wait while somebody makes it ready. */
  mayWait({ name }: Extract<MemoryEvent, { type: 'namedSegmentRequested' }>): boolean {
    return this.#named(name)?.initialiser != null;
  }

  conclude(isRead: (client: ClientId) => boolean): void {
    for (const [client, owed] of this.#owed) {
      if (owed.size === 0) this.#owed.delete(client);
      else expect(!isRead(client), 'who shared a segment with the dead and reads is told');
    }
    expect(this.#toClear === null, 'the doorbell of the dead goes');
    for (const { holders, isPinned } of this.segments.values()) {
      expect(holders.size > 0 || isPinned, 'a segment that nobody holds is removed');
    }
  }

  #clientGone(client: ClientId): void {
    this.#owed.delete(client);
    if (!this.members.delete(client)) return;
    this.#toClear = client;
    for (const { holders } of this.segments.values()) {
      if (!holders.delete(client)) continue;
      for (const holder of holders) {
        const owed = this.#owed.get(holder) ?? new Set();
        this.#owed.set(holder, owed.add(client));
      }
    }
  }

  #removeSegment(id: SegmentId): void {
    const segment = this.segments.get(id);
    expect(segment !== undefined, 'what is removed was there, and is removed once');
    const isNeeded = segment.holders.size > 0 || segment.isPinned;
    expect(this.#isEnd || !isNeeded, 'what somebody needs is not removed');
    this.segments.delete(id);
    this.#removed.add(id);
  }

  #made(client: ClientId, id: SegmentId, name: string | null, sizeBytes: number): void {
    expect(!this.segments.has(id) && !this.#removed.has(id), 'a number is never used twice');
    expect(name === null || this.#named(name) === undefined, 'one alone makes what has a name');
    expect(this.segments.size < this.#limit || name !== null, 'no more segments are made than the limit');
    const initialiser = name === null ? null : client;
    this.segments.set(id, { name, sizeBytes, holders: new Set([client]), isPinned: false, initialiser });
  }

  #had(client: ClientId, id: SegmentId, name: string | null): void {
    const segment = this.#ready(id);
    expect(segment !== undefined && segment.name === name, 'what has a name is had when it is ready');
    segment.holders.add(client);
  }

  #ready(id: SegmentId): SegmentRecord | undefined {
    const segment = this.segments.get(id);
    return segment?.initialiser === null ? segment : undefined;
  }

  #named(name: string): SegmentRecord | undefined {
    return [...this.segments.values()].find((segment) => segment.name === name);
  }
}
