/**
 * A stress of queues and latches: pairs of processes, and pairs of a process and this one, that send and receive and
 * wake each other in every way, with rings of every size; some detach in between, some are killed. Nothing may be torn,
 * lost or out of order, nobody may wait for ever, and nothing may be left: no file, no descriptor, no mapping.
 *
 * `npm run stress:shm -- --minutes 10 --seed 7`. A lost wake-up shows as a stall, and what the stalled processes wait
 * for is said. stress.test.ts runs some seconds of it.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Segment } from '../../../src/shm/index.js';
import { MessageQueue, SharedLatch } from '../../../src/shm/index.js';
import type { Words } from '../../../src/shm/words.js';
import type { Random } from '../../process/support/random.js';
import { randomFrom } from '../../process/support/random.js';
import type { Child } from '../support/company.js';
import { Company } from '../support/company.js';
import type { EndOfQueue, Outcome, Turns, Way } from './stressPeer.js';
import { EVENTS, LATCHES_OFFSET, QUEUE_OFFSET, receiveAll, sendAll, WAITS_OFFSET, WAYS } from './stressPeer.js';

export interface StressOptions {
  readonly seed: number;
  readonly forMs: number;
  readonly tell?: (line: string) => void;
}

export interface StressResult {
  /** How often was done what. */
  readonly counts: Readonly<Record<string, number>>;
  /** What must not be; empty if all is well. */
  readonly findings: readonly string[];
}

const peer = new URL('./stressPeer.js', import.meta.url).href;
/** Nothing takes so long but what never ends. */
const STALL_MS = 20_000;
const TOLD_EVERY_MS = 5_000;
const LARGEST_RING = 64 * 1024;
const SIZE = QUEUE_OFFSET + MessageQueue.sizeFor({ ringBytes: LARGEST_RING });

/** Words of a queue: who has its sides. */
const SENDER = 3;
const RECEIVER = 6;

class Stress {
  readonly counts: Record<string, number> = {};
  readonly findings: string[] = [];
  readonly #random: Random;
  readonly #company: Company;
  readonly #segment: Segment;

  constructor(random: Random, company: Company, segment: Segment) {
    this.#random = random;
    this.#company = company;
    this.#segment = segment;
  }

  async scene(): Promise<void> {
    const waits = this.#segment.mapping.words(WAITS_OFFSET, 2);
    for (const place of [0, 1]) waits.store(place, 0);
    const children: Child[] = [];
    const stalled = setTimeout(() => {
      const places = [0, 1].map((place) => EVENTS[waits.load(place)] ?? 'what nobody knows');
      this.findings.push(`a stall: they wait for ${places.join(' and ')}`);
      for (const child of children) child.process.kill('SIGKILL');
    }, STALL_MS);
    try {
      await (this.#random() < 0.15 ? this.#wakeEachOther(children) : this.#send(children));
    } catch (error) {
      this.findings.push(error instanceof Error ? error.message : String(error));
    }
    clearTimeout(stalled);
    for (const child of children) {
      await child.kill();
      // As the postmaster does.
      this.#segment.member.tellGone(child.number);
      rmSync(join(this.#company.folder, String(child.number)), { force: true });
    }
  }

  async #wakeEachOther(children: Child[]): Promise<void> {
    const size = SharedLatch.sizeFor();
    for (const index of [0, 1]) SharedLatch.create(this.#segment.chunk(LATCHES_OFFSET + index * size, size));
    const count = 1 + this.#upTo(2_000);
    for (const place of [0, 1] as const) {
      const turns: Turns = { place, way: this.#way(), count };
      children.push(this.#company.child(peer, 'turns', this.#segment, turns));
    }
    for (const child of children) if ((await child.result) !== count) throw new Error('a latch was not waited for');
    this.#count('turns by latches', count);
  }

  async #send(children: Child[]): Promise<void> {
    const ringBytes = Math.max(8, this.#upTo(LARGEST_RING) >> this.#upTo(13)) & ~7;
    const chunk = this.#segment.chunk(QUEUE_OFFSET, MessageQueue.sizeFor({ ringBytes }));
    const queue = MessageQueue.create(chunk, { ringBytes });
    const longest = this.#upTo(3 * ringBytes + 200);
    const count = 1 + this.#upTo(Math.min(5_000, 20_000_000 / (longest + 100)));
    const all = { sender: count, receiver: this.#random() < 0.2 ? this.#upTo(count) : count + 1 };
    const ends = (['sender', 'receiver'] as const).map((side): EndOfQueue => {
      return { side, way: this.#way(), seed: this.#upTo(2 ** 31), longest, count: all[side] };
    });
    // Sometimes one of the ends is here, on the event loop.
    const own = this.#random() < 0.3 ? this.#upTo(2) : undefined;
    const outcomes = ends.map(async (end, index): Promise<Outcome | 'killed'> => {
      if (index !== own) {
        const child = this.#company.child(peer, 'endOfQueue', this.#segment, end);
        children.push(child);
        void child.ended.then(() => this.#tellOf(child.number, children));
        return (child.result as Promise<Outcome>).catch(async (error: unknown): Promise<'killed'> => {
          const { signal } = await child.ended;
          if (signal === 'SIGKILL') return 'killed';
          throw error;
        });
      }
      const how = { ...end, way: 'eventLoop' } as const;
      return end.side === 'sender' ? sendAll(queue.sender(), how) : receiveAll(queue.receiver(), how);
    });
    const victim = this.#random() < 0.5 ? children[this.#upTo(children.length)] : undefined;
    const killing = victim === undefined ? undefined : this.#killOnceAttached(victim, chunk.words);
    const [sent, received] = await Promise.all(outcomes);
    clearInterval(killing);
    this.#judge(sent ?? 'killed', received ?? 'killed', count);
  }

  /** Also those whose connection is about to end, which is no error. */
  #tellOf(gone: number, children: readonly Child[]): void {
    this.#segment.member.tellGone(gone);
    for (const { process } of children) if (process.connected) process.send({ gone }, () => {});
  }

  /** One that dies before it attaches is missed by nobody here: nobody watches it. */
  #killOnceAttached(victim: Child, words: Words): NodeJS.Timeout {
    const looks = 1 + this.#upTo(40);
    let attached = 0;
    return setInterval(() => {
      if (words.load(SENDER) !== 0 && words.load(RECEIVER) !== 0) attached += 1;
      if (attached === looks) victim.process.kill('SIGKILL');
    }, 2);
  }

  #judge(sent: Outcome | 'killed', received: Outcome | 'killed', count: number): void {
    if (received !== 'killed') this.#count('messages', received.count);
    if (sent === 'killed') this.#count('senders killed');
    if (received === 'killed') this.#count('receivers killed');
    const wrong = (what: string) => this.findings.push(`${what}: ${JSON.stringify({ sent, received, count })}`);
    if (sent !== 'killed' && received !== 'killed') {
      this.#count(`sender ${sent.ending}, receiver ${received.ending}`);
      if (sent.ending === 'ERR_PEER_DIED' || received.ending === 'ERR_PEER_DIED') wrong('nobody died');
      if (received.ending === 'detached' && received.count !== count) wrong('messages are lost');
      return;
    }
    if (sent === 'killed' && received !== 'killed' && received.ending === 'detached' && received.count !== count) {
      wrong('a sender that was killed did not detach');
    }
    if (received === 'killed' && sent !== 'killed') this.#count(`a killed receiver's sender: ${sent.ending}`);
    if (sent === 'killed' && received !== 'killed') this.#count(`a killed sender's receiver: ${received.ending}`);
  }

  #way(): Way {
    return WAYS[this.#upTo(WAYS.length)] ?? 'eventLoop';
  }

  #upTo(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }
}

/** What this process has open, and how many pieces its memory has. */
function gauges(): { readonly descriptors: number; readonly mappings: number } {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes('/dev/shm')).length,
  };
}

export async function stress({ seed, forMs, tell = () => {} }: StressOptions): Promise<StressResult> {
  await using company = new Company();
  const segment = await company.segment(company.member(), SIZE);
  const stress = new Stress(randomFrom(seed), company, segment);
  const endAt = performance.now() + forMs;
  let tellAt = performance.now() + TOLD_EVERY_MS;
  let scenes = 0;
  let before: ReturnType<typeof gauges> | undefined;
  while (performance.now() < endAt && stress.findings.length === 0) {
    await stress.scene();
    scenes += 1;
    // The first scenes open what stays open.
    if (scenes === 3) before = gauges();
    if (performance.now() < tellAt) continue;
    tellAt += TOLD_EVERY_MS;
    tell(
      `${scenes} scenes, ${stress.counts['messages'] ?? 0} messages, ${stress.counts['turns by latches'] ?? 0} turns`,
    );
  }
  const after = gauges();
  if (before !== undefined && after.descriptors > before.descriptors + 2) {
    stress.findings.push(`descriptors grew from ${before.descriptors} to ${after.descriptors}`);
  }
  if (before !== undefined && after.mappings > before.mappings) {
    stress.findings.push(`mappings grew from ${before.mappings} to ${after.mappings}`);
  }
  const left = readdirSync(company.folder).filter((name) => name !== String(segment.member.number));
  if (left.length > 0) stress.findings.push(`doorbells are left: ${left.join()}`);
  return { counts: { scenes, ...stress.counts }, findings: stress.findings };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    },
  });
  const seed = Number(values.seed);
  console.log(`stress: seed ${seed}`);
  const { counts, findings } = await stress({ seed, forMs: 60_000 * Number(values.minutes), tell: console.log });
  for (const [what, times] of Object.entries(counts).sort()) console.log(`${String(times).padStart(10)} ${what}`);
  console.log(findings.length === 0 ? 'all whole, nobody stalled, nothing left' : 'FOUND:');
  for (const finding of findings) console.log(finding);
  if (findings.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
