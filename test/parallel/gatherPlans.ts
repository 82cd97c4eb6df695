/**
 * What the participants of the gathers of these tests run: one plan, which is told by its argument how to behave, so that the
 * same warm workers do for many tests.
 */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AtomicCounter } from '../../src/dsm/index.js';
import type { Participant } from '../../src/parallel/index.js';
import { ColumnBatch, definePlan } from '../../src/parallel/index.js';

/** Opened by a test, for what its own process is to wait for. */
export class Gate {
  open: () => void = () => {};
  opened: Promise<void> = Promise.resolve();

  shut(): void {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Of this process. */
export const gate = new Gate();

/** Counts plans that were ended and tidied up, where a test has put a counter into the contents. */
function tidy({ contents }: Participant): void {
  const chunk = contents.tryLookup('tidied');
  if (chunk !== undefined) AtomicCounter.attach(chunk).add(1);
}

function* blocks({ scan, number }: Participant): Generator<unknown> {
  for (const block of scan) yield { block, number, text: `block ${block}`, parts: [block, [block / 3]], none: null };
}

async function* blocksLater(participant: Participant): AsyncGenerator<unknown> {
  for (const row of blocks(participant)) {
    await nextTurn();
    yield row;
  }
}

const acts = {
  blocks,
  blocksLater,

  /** One comes when half of the scan is handed out. */
  async *oneLate(participant: Participant): AsyncGenerator<unknown> {
    const { scan, number } = participant;
    while (number === 1 && scan.allocated < scan.blocks / 2) await nextTurn();
    yield* blocksLater(participant);
  },

  *some({ number }: Participant, count: number): Generator<unknown> {
    for (let row = 0; row < count; row++) yield [number, row];
  },

  *endless(participant: Participant): Generator<unknown> {
    try {
      for (let row = 0; ; row++) yield row;
    } finally {
      tidy(participant);
    }
  },

  /** A row, and then nothing for as long as it is wanted. */
  async *awaits(participant: Participant): AsyncGenerator<unknown> {
    try {
      yield participant.number;
      await once(participant.signal, 'never', { signal: participant.signal });
    } finally {
      tidy(participant);
    }
  },

  /** It looks at no signal. */
  async *hangs({ number, isLeader }: Participant): AsyncGenerator<unknown> {
    yield number;
    // What waits for nothing that could come would end a worker.
    await new Promise(() => isLeader || setInterval(() => {}, 1_000_000));
  },

  /** Only the first finds anything. */
  *searches(participant: Participant): Generator<unknown> {
    if (participant.number === 0) yield 'found';
    while (participant.scan.next() !== null);
    tidy(participant);
  },

  *throws({ number }: Participant, who: number): Generator<unknown> {
    yield* [1, 2, 3];
    if (number === who) throw Object.assign(new RangeError('it went wrong'), { code: 'E_TROUBLE', where: { line: 7 } });
  },

  *throwsMuch(): Generator<unknown> {
    yield 1;
    throw new Error('x'.repeat(30_000));
  },

  /** When nobody wants its rows any more. */
  async *throwsLate({ signal, progress }: Participant): AsyncGenerator<unknown> {
    yield 1;
    progress(1);
    if (!signal.aborted) await once(signal, 'abort');
    throw new Error('too late, and heard all the same');
  },

  *exits(): Generator<unknown> {
    yield 1;
    process.exit(0);
  },

  *isKilled(): Generator<unknown> {
    yield 1;
    process.kill(process.pid, 'SIGKILL');
  },

  *givesWhatCannotBeSent(participant: Participant): Generator<unknown> {
    try {
      yield [1, () => {}];
    } finally {
      participant.progress(7);
    }
  },

  async *givesWhatCannotBeSentLater(participant: Participant): AsyncGenerator<unknown> {
    yield* acts.givesWhatCannotBeSent(participant);
  },

  /** The leader throws when the test says so; workers have rows. */
  async *leaderThrows({ isLeader }: Participant): AsyncGenerator<unknown> {
    if (isLeader) {
      await gate.opened;
      throw new Error('nobody was to miss this');
    }
    for (;;) yield 1;
  },

  /** An iterator of its own, which answers without a promise. */
  handmade: (): AsyncIterable<unknown> => ({
    [Symbol.asyncIterator]: () => {
      const rows = [1, 2];
      const next = (): IteratorResult<unknown> =>
        rows.length > 0 ? { done: false, value: rows.shift() } : { done: true, value: undefined };
      return { next: next as never };
    },
  }),

  /** Says how far it is, and stays there. */
  async *tellsAndHangs(participant: Participant): AsyncGenerator<unknown> {
    yield 1;
    participant.progress(1, 2);
    yield* acts.hangs(participant);
  },

  givesNothing: (): never => 7 as never,

  /** The leader waits for the test; workers do not. */
  async *leaderAwaits({ isLeader, number }: Participant): AsyncGenerator<unknown> {
    if (isLeader) await gate.opened;
    yield* [number, number];
  },

  *columns({ number }: Participant, rows: number): Generator<unknown> {
    for (let batch = 0; batch < 20; batch++) {
      yield new ColumnBatch({ id: Int32Array.from({ length: rows }, (_, row) => batch * rows + row + number) });
    }
  },

  /** It looks at no signal, and says so. */
  async *tellsOn({ progress }: Participant): AsyncGenerator<unknown> {
    yield 1;
    await gate.opened;
    progress(7);
  },

  *tells({ number, progress }: Participant): Generator<unknown> {
    progress(10 * (number + 1), 100);
    yield number;
  },
};

/** What to do, and with what. */
export type Act = readonly [what: keyof typeof acts, value?: number];

export const act = definePlan(
  import.meta,
  (participant: Participant, [what, value = 0]: Act): Iterable<unknown> =>
    // Some are asynchronous.
    (acts[what] as (participant: Participant, value: number) => Iterable<unknown>)(participant, value),
);

/** Numbers, sorted, of which each participant has some: `of` is how many there are, `step` how many in a row are equal. */
export const sorted = definePlan(
  import.meta,
  function* (
    { number, scan }: Participant,
    { step }: { readonly step: number },
  ): Generator<{ readonly key: number; readonly number: number; readonly block: number }> {
    for (const block of scan) yield { key: Math.floor(block / step), number, block };
  },
);

/** As `sorted`, in columns. */
export const sortedColumns = definePlan(import.meta, function* (): Generator<
  ColumnBatch<{ readonly key: Float64Array }>
> {
  for (let batch = 0; batch < 30; batch++) {
    yield new ColumnBatch({ key: Float64Array.from({ length: 64 }, (_, row) => batch * 64 + row) });
  }
});

/** As `sorted`, but for one row of the participant of that number. */
export const unsorted = definePlan(import.meta, function* ({ number }: Participant, wrong: number): Generator<number> {
  yield 1;
  yield 3;
  yield number === wrong ? 2 : 3;
});

/** Two columns by which it is typed. */
export const typed = definePlan(import.meta, function* (_: Participant, from: number): Generator<
  [id: number, name: string]
> {
  yield [from, 'name'];
});

export const typedLater = definePlan(import.meta, async function* (): AsyncGenerator<{ readonly id: number }> {
  yield { id: 1 };
});
