/**
 * Who takes part in a run over batches: processes, started one by one as there is work for them, and the leader, where it
 * takes part or is alone. Says who is to have the next part, and what each has done.
 *
 * A process whose parts are quickly done has two under way, so that it has the next one when it has done one. A part that
 * has ended a process before runs alone in a process: if that one dies too, it is known whose doing it was. The leader has one at a time,
 * and such a part never.
 *
 * Starting stops at the first refusal (R-PAR-6); after a death it is tried again.
 */

import type { Part } from './batch.js';
import type { ParticipantReport } from './explain.js';
import { Member } from './member.js';
import type { PoolProcess } from './poolProcess.js';
import type { Processes } from './poolProcesses.js';

export class Participants {
  readonly planned: number;
  #processes: Processes | undefined;
  readonly #started: Member[] = [];
  readonly #present = new Set<Member>();
  #leader: Member | undefined;
  #leaderMayTake = false;
  #most = 0;
  #isStarting = false;
  #wasRefused = false;

  constructor(planned: number) {
    this.planned = planned;
  }

  /** From here the processes come. `wanted` is called when others want them too. */
  open(processes: Processes, wanted: () => void): void {
    this.#processes = processes;
    processes.sharing?.onWanted(wanted);
  }

  /** How many processes there were at most; one that takes the place of another counts as that one. */
  get launched(): number {
    return this.#most;
  }

  /** How many processes there are. */
  get count(): number {
    return this.#present.size;
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** There is a place for one more, and it was not refused since the last death. */
  get mayStart(): boolean {
    return !this.#wasRefused && this.#present.size < this.planned && !this.#isStarting;
  }

  /** Each process has something to do. */
  get areAllBusy(): boolean {
    for (const { underWay } of this.#present) if (underWay.length === 0) return false;
    return true;
  }

  get isLeaderBusy(): boolean {
    return this.#leader !== undefined && this.#leader.underWay.length > 0;
  }

  get whyFewer(): string | null {
    if (this.launched === this.planned) return null;
    return this.#processes?.whyFewer ?? 'there was no work for more';
  }

  /** One more. Whether it was refused shows in `mayStart`. Rejects with what speaks against any start. */
  async start(): Promise<void> {
    this.#isStarting = true;
    try {
      const process = (await this.#processes?.tryStart()) ?? null;
      this.#wasRefused = process === null;
      if (process === null) return;
      const member = this.#memberOf(process);
      member.join();
      this.#present.add(member);
      this.#most = Math.max(this.#most, this.#present.size);
    } finally {
      this.#isStarting = false;
    }
  }

  /** What has nothing to do takes part no more if somebody else waits for it; there may be a place for it again. */
  giveBackIdle(): void {
    const sharing = this.#processes?.sharing;
    for (const member of this.#present) {
      if (sharing?.areWanted !== true) return;
      if (member.process === null || member.underWay.length > 0) continue;
      this.#present.delete(member);
      member.leave();
      sharing.giveBack(member.process);
    }
  }

  /** It has died. Whether that is news: each part that it had tells of it. */
  remove(member: Member, mayStartAgain: boolean): boolean {
    if (!this.#present.delete(member)) return false;
    member.leave();
    if (member.process !== null) this.#processes?.forget(member.process);
    this.#wasRefused = !mayStartAgain;
    return true;
  }

  /** There may be a slot now. */
  forgetRefusal(): void {
    this.#wasRefused = false;
  }

  /** Whether the leader takes part, as things are. */
  set leaderTakesPart(does: boolean) {
    this.#leaderMayTake = does;
    if (does) this.#leader ??= new Member(-1, null);
  }

  /**
   * Who is to have this part, or what is read next: the process that has least to do, then the leader. `most`: so many may
   * be under way in a process.
   */
  whoMayTake(part: Part | undefined, most: number): Member | undefined {
    let found: Member | undefined;
    for (const member of this.#present) {
      if (!member.mayTake(part, most)) continue;
      if (member.underWay.length === 0) return member;
      found ??= member;
    }
    if (found !== undefined || !this.#leaderMayTake) return found;
    return this.#leader?.mayTake(part, 1) === true ? this.#leader : undefined;
  }

  /** The leader first. */
  get reports(): ParticipantReport[] {
    return [this.#leader, ...this.#started].flatMap((member) => (member === undefined ? [] : [member.report]));
  }

  /** It may have taken part before. */
  #memberOf(process: PoolProcess): Member {
    const known = this.#started.find((member) => member.process === process);
    if (known !== undefined) return known;
    const member = new Member(process.number, process);
    this.#started.push(member);
    return member;
  }

  /** The run is over: resolves when all processes are gone, or back in their pool. Never throws. */
  async close(): Promise<void> {
    for (const member of [...this.#present, this.#leader]) member?.leave();
    await this.#processes?.close();
  }
}
