/**
 * One pool and what is asked of it: calls that answer, throw, end their process, take too long, are called off or come when
 * the pool is full or closed. Each is judged by itself, since what goes wrong with one goes wrong with that one alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BgworkerError } from '../../../src/base/index.js';
import { TooManyWorkersError } from '../../../src/index.js';
import type { Pool } from '../../../src/parallel/index.js';
import { createPool } from '../../../src/parallel/index.js';
import type { Random } from '../../simulation/random.js';
import { isErrorOf, isLoss } from './failures.js';
import type { Class, Interruption, Stage } from './stage.js';
import { describeError, drawClass, drawInterruptions, Interruptions, processesOf } from './stage.js';
import type { Deed } from './work.js';
import { answerOf, work } from './work.js';

interface Call {
  readonly deed: Deed;
  readonly askedAfterMs: number;
  /** Called off then, from when it was asked for. */
  readonly abortAfterMs?: number;
  readonly timeoutMs?: number;
}

interface PoolPlan {
  readonly kind: Class;
  readonly size: number;
  readonly maxQueue: number;
  readonly calls: readonly Call[];
  /** Kills only: what aborts is drawn for each call. */
  readonly interruptions: readonly Interruption[];
  /** Null: when all were answered. */
  readonly close: { readonly afterMs: number; readonly drain: boolean } | null;
}

const LATEST_MS = 30;
/** What no call takes here, however busy the machine is. */
const GENEROUS_MS = 60_000;

export function drawPool(random: Random): PoolPlan {
  const count = 1 + random.below(30);
  return {
    kind: drawClass(random),
    size: 1 + random.below(4),
    maxQueue: random.chance(0.85) ? 1_000 : random.below(6),
    calls: Array.from({ length: count }, () => drawCall(random)),
    interruptions: drawInterruptions(random, count).filter(({ kind }) => kind === 'kill'),
    close: random.chance(0.6) ? null : { afterMs: LATEST_MS * random.next(), drain: random.chance(0.5) },
  };
}

const ODDS: readonly (readonly [Deed, number])[] = [
  ['die', 0.05],
  ['exit', 0.06],
  ['refuse', 0.2],
  ['wait', 0.35],
];

function drawCall(random: Random): Call {
  const dice = random.next();
  const askedAfterMs = random.chance(0.5) ? 0 : LATEST_MS * random.next();
  const abort = random.chance(0.05) ? { abortAfterMs: LATEST_MS * random.next() } : {};
  if (dice < 0.03) return { deed: 'stay', askedAfterMs, timeoutMs: 1 + random.below(10), ...abort };
  const deed = ODDS.find(([, below]) => dice < below)?.[0] ?? 'answer';
  return { deed, askedAfterMs, ...abort, ...(random.chance(0.2) ? { timeoutMs: GENEROUS_MS } : {}) };
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

type Answer = Outcome & {
  /** The pool was closed, or began to be, before it was asked. */
  readonly wasClosed: boolean;
};

/** Gives what was wrong. */
export async function runPool(stage: Stage, plan: PoolPlan): Promise<string | undefined> {
  const { size, maxQueue } = plan;
  const pool = createPool({ ...processesOf(stage, plan.kind), size, maxQueue });
  const interruptions = new Interruptions(stage, plan.interruptions);
  const reason = new Error('nobody wants it any more');
  let answered = 0;
  let isClosed = false;
  const asked = plan.calls.map(async (call, n): Promise<Answer> => {
    if (call.askedAfterMs > 0) await sleep(call.askedAfterMs);
    const wasClosed = isClosed;
    const answer = await ask(pool, call, n, reason);
    answered += 1;
    interruptions.gave(answered);
    return { ...answer, wasClosed };
  });
  const closing = plan.close === null ? undefined : sleep(plan.close.afterMs, plan.close);
  const closed = closing?.then(({ drain }) => {
    isClosed = true;
    return pool.close({ drain });
  });
  const answers = await Promise.all(asked);
  await closed;
  await pool.close();
  await interruptions.end();
  if (pool.size + pool.queued + pool.running > 0) return `a closed pool has ${pool.size} processes`;
  return judge(stage, plan, answers, { reason, killed: interruptions.killed });
}

async function ask(pool: Pool, { deed, abortAfterMs, timeoutMs }: Call, n: number, reason: Error): Promise<Outcome> {
  const controller = new AbortController();
  const timer = abortAfterMs === undefined ? undefined : setTimeout(() => controller.abort(reason), abortAfterMs);
  const options = { signal: controller.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  try {
    return { value: await pool.run(work, { n, deed, leaderPid: process.pid }, options) };
  } catch (error) {
    return { error };
  } finally {
    clearTimeout(timer);
  }
}

function judge(
  stage: Stage,
  plan: PoolPlan,
  answers: readonly Answer[],
  { reason, killed }: { reason: Error; killed: number },
): string | undefined {
  let innocentLosses = 0;
  for (const [n, answer] of answers.entries()) {
    const call = plan.calls[n]!;
    if ('value' in answer) {
      stage.count('pool: answered');
      const isRight =
        answer.value === answerOf(n) && (call.deed === 'answer' || call.deed === 'wait') && plan.kind !== 'none';
      if (!isRight) return `call ${n} (${call.deed}) gave ${String(answer.value)}`;
      continue;
    }
    const { error, wasClosed } = answer;
    const isTurnedAway = wasClosed || plan.close?.drain === false;
    const cause = isClosing(error) ? (isTurnedAway ? 'closed' : undefined) : causeOf(error, call, n, plan, reason);
    stage.count(`pool: ${cause ?? 'lost'}`);
    if (cause !== undefined) continue;
    if (!isLoss(error)) return `call ${n} (${call.deed}) failed with ${describeError(error)}`;
    innocentLosses += 1;
    if (innocentLosses > killed)
      return `call ${n} lost its process, and ${killed} were killed: ${describeError(error)}`;
  }
  return undefined;
}

/** What explains it; undefined if nothing of its own does. */
function causeOf(error: unknown, call: Call, n: number, plan: PoolPlan, reason: Error): string | undefined {
  if (error === reason) return call.abortAfterMs === undefined ? undefined : 'called off';
  if (isErrorOf(error, { n, deed: call.deed, leaderPid: process.pid })) return call.deed;
  if (error instanceof TooManyWorkersError) return plan.kind === 'parallel' ? undefined : 'no slot';
  if (!(error instanceof BgworkerError)) return undefined;
  if (error.code === 'ERR_CALL_TIMED_OUT') return call.deed === 'stay' ? 'timed out' : undefined;
  if (error.code === 'ERR_POOL_QUEUE_FULL')
    return plan.maxQueue < plan.calls.length ? 'refused, the queue was full' : undefined;
  return undefined;
}

function isClosing(error: unknown): boolean {
  return error instanceof BgworkerError && error.code === 'ERR_POOL_CLOSED';
}
