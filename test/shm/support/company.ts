/**
 * Members of one shared memory without a postmaster: a folder of doorbells, segments in /dev/shm, and processes that
 * attach to them. Who dies is told to the others by hand, or by nobody, as the test wants.
 *
 * A child is a module of test/shm that exports functions `(seat: Seat) => unknown`; what it returns is sent back.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
// Not by the index: every child would load all that lives in shared memory, which takes it longer than to start.
import { Mapping } from '../../../src/shm/mapping.js';
import { Member } from '../../../src/shm/member.js';
import { Segment } from '../../../src/shm/segment.js';

/** Linux; elsewhere a folder on disk does as well. */
const memory = process.platform === 'linux' ? '/dev/shm' : tmpdir();

/** Where a child sits: what it needs to join. */
export interface Seat {
  readonly folder: string;
  readonly number: number;
  readonly file: string;
  readonly sizeBytes: number;
  readonly arg: unknown;
}

export interface Child {
  readonly number: number;
  readonly process: ChildProcess;
  /** What its function returned; rejects when it threw or died. */
  readonly result: Promise<unknown>;
  /** Its end, whatever it was. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGKILL, and waits for it. */
  kill(): Promise<void>;
}

export class Company {
  readonly folder = mkdtempSync(join(tmpdir(), 'bgworker-company-'));
  readonly #files: string[] = [];
  readonly #members: Member[] = [];
  readonly #children: Child[] = [];
  #numbers = 0;
  #segments = 0;

  member(number = this.nextNumber()): Member {
    const member = new Member({ number, doorbells: this.folder });
    this.#members.push(member);
    return member;
  }

  nextNumber(): number {
    this.#numbers += 1;
    return this.#numbers;
  }

  /** A new segment, held by the member. */
  async segment(member: Member, sizeBytes: number): Promise<Segment> {
    this.#segments += 1;
    const file = join(memory, `${basename(this.folder)}.${this.#segments}`);
    this.#files.push(file);
    return hold(await Mapping.create(file, sizeBytes), member, file);
  }

  /** The same segment, as another member of this process holds it. */
  share({ name, sizeBytes }: Segment, member: Member): Segment {
    return hold(Mapping.attach(name, sizeBytes), member, name);
  }

  /** A process that calls `functionName` of the module with a seat at the segment. */
  child(module: string, functionName: string, segment: Segment, arg: unknown = null): Child {
    const seat: Seat = {
      folder: this.folder,
      number: this.nextNumber(),
      file: segment.name,
      sizeBytes: segment.sizeBytes,
      arg,
    };
    const child = fork(fileURLToPath(import.meta.url), ['company-child', module, functionName], {
      serialization: 'advanced',
    });
    const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
    const result = new Promise((resolve, reject) => {
      child.once('message', (message: { readonly value?: unknown; readonly error?: string }) => {
        if (message.error === undefined) resolve(message.value);
        else reject(new Error(message.error));
      });
      void ended.then(({ code, signal }) => reject(new Error(`ended with ${signal ?? code} before it returned`)));
    });
    result.catch(() => {});
    child.send(seat);
    const made: Child = {
      number: seat.number,
      process: child,
      result,
      ended,
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
      },
    };
    this.#children.push(made);
    return made;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await child.kill();
    for (const member of this.#members) {
      member.lose(new Error('the test is over'));
      member.close();
    }
    for (const file of this.#files) unlinkSync(file);
    assert.deepEqual(
      readdirSync(memory).filter((name) => name.startsWith(basename(this.folder))),
      [],
    );
    rmSync(this.folder, { recursive: true });
  }
}

/** In a child: the member and the segment of its seat. */
export function sit({ folder, number, file, sizeBytes }: Seat): { readonly member: Member; readonly segment: Segment } {
  const member = new Member({ number, doorbells: folder });
  return { member, segment: hold(Mapping.attach(file, sizeBytes), member, file) };
}

function hold(mapping: Mapping, member: Member, name: string): Segment {
  return new Segment({ mapping, member, name, release: () => {} });
}

if (process.argv[2] === 'company-child') {
  const [, , , module = '', functionName = ''] = process.argv;
  process.once('message', async (seat: Seat) => {
    try {
      const functions = (await import(module)) as Record<string, (seat: Seat) => unknown>;
      process.send?.({ value: await functions[functionName]?.(seat) }, () => process.disconnect());
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) }, () => process.disconnect());
    }
  });
}
