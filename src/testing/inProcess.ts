/**
 * Runs a worker's function in the test's own process, as the player of an attempt. What its function does becomes what
 * a process would have said: it returned, it threw, it stopped because it was asked to.
 *
 * What a process would give it is not there: it cannot be killed, it shares memory, globals and `process` with the test,
 * and an empty event loop is not seen. When its attempt is over, by whatever, it is left alone: what it still does has
 * no effect, and what it waits for in `ctx` does not come.
 */
import type { Client } from '../client/index.js';
import type { Attempt, Player } from './attempt.js';
import { ContextFace, notAttached } from './contextFace.js';
import type { Functions } from './functions.js';
import { StopSignal } from './stopSignal.js';
import type { TestClock } from './testClock.js';

export interface Theatre {
  readonly functions: Functions;
  readonly clock: TestClock;
  /** For `ctx.client`. */
  connect(attempt: Attempt): Promise<Client>;
}

/** Resolves when its function has been entered, or never will be. */
export async function playInProcess(attempt: Attempt, theatre: Theatre): Promise<void> {
  if (attempt.isOver) return;
  if (attempt.origin !== null) return attempt.obeyed();
  // From here on it obeys at once, until its function has looked at its signal.
  const { stop, face } = stage(attempt, theatre);
  attempt.reach('loading');
  const found = await theatre.functions.find(attempt.worker);
  if ('failure' in found) {
    attempt.say(found.failure);
    return attempt.exit({ code: 1 });
  }
  if (attempt.isOver) return;
  attempt.reach('running');
  void call(() => found.fn(face.ctx as never, attempt.arg as never), attempt, stop);
}

async function call(fn: () => unknown, attempt: Attempt, stop: StopSignal): Promise<void> {
  try {
    attempt.returned(await fn());
  } catch (error) {
    if (stop.explains(error)) attempt.obeyed();
    else attempt.threw(error);
  }
}

function stage(attempt: Attempt, theatre: Theatre): { readonly stop: StopSignal; readonly face: ContextFace } {
  const stop = new StopSignal();
  const timers = new Set<() => void>();
  const face = new ContextFace({
    entry: attempt.entry,
    stop,
    time: {
      now: () => theatre.clock.now(),
      start: (ms, ring) => {
        // Time does not go on for a process that is dead.
        if (attempt.isOver) return () => {};
        const halt = theatre.clock.start(ms, () => {
          timers.delete(halt);
          ring();
        });
        timers.add(halt);
        return () => {
          timers.delete(halt);
          halt();
        };
      },
    },
    ready: () => attempt.ready(),
    progress: (done, total) => attempt.progress(done, total),
    log: (level, message, fields) => attempt.log(level, message, fields),
    channel: () => attempt.channel,
    client: async () => {
      if (attempt.worker.attach) return theatre.connect(attempt);
      throw notAttached(`${attempt.entry.name} was registered with attach: false`, 'register it with attach: true');
    },
  });
  const player: Player = {
    // One that has not taken its end into its own hands ends at once.
    asked: (origin) => (stop.isHeeded ? stop.abort(origin) : attempt.obeyed()),
    reload: () => face.reload(),
    channelChanged: () => face.wake(),
    over: () => {
      for (const halt of timers) halt();
      timers.clear();
    },
  };
  attempt.playedBy(player);
  return { stop, face };
}
