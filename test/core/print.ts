/**
 * What the core orders, in words for transcripts: everything that a reader must judge, and nothing that is always the
 * same. Two different effects never read alike.
 */

import { activityOf, segmentRows, segmentsUse } from '../../src/core/describe.js';
import type { Effect, State, StopReason, WorkerStatus } from '../../src/core/index.js';
import { formatKey, nextWakeupAt, tenants } from '../../src/core/index.js';
import { sparesActivity } from '../../src/core/spares.js';

/** Reports for the log and the clean-up behind an end follow from the rest, and would only repeat it. */
export function printEffect(effect: Effect): readonly string[] {
  switch (effect.type) {
    case 'reply':
      return printAnswer(effect);
    case 'notify':
      return [`${effect.client} is told: ${printStatus(effect.status)}`];
    case 'notifyProgress': {
      const { clients, done, total } = effect;
      return [`${clients.join(', ')} is told: ${formatKey(effect)} has done ${done} of ${total ?? 'how many'}`];
    }
    case 'signalNotifyPid':
      return [`SIGUSR1 to ${effect.notifyPid}`];
    case 'startWorker':
      return [`start ${formatKey(effect)}#${effect.attempt} ${effect.worker.name}`];
    case 'giveJob':
      return [`give ${formatKey(effect)}#${effect.attempt} ${effect.worker.name} to spare ${effect.spare}`];
    case 'startSpare':
      return [`make spare ${effect.spare}${effect.preload.map((module) => ` with ${module}`).join('')}`];
    case 'endSpare':
      return [`end spare ${effect.spare}${effect.isStuck ? ', which is stuck' : ''}`];
    case 'askToStop':
      return [`ask ${formatKey(effect)}#${effect.attempt} (${effect.pid}) to stop: ${effect.order}`];
    case 'killWorker':
      return [`kill ${formatKey(effect)}#${effect.attempt} (${effect.pid})`];
    case 'measureMemory':
      return [`measure ${formatKey(effect)}#${effect.attempt} (${effect.pid})`];
    case 'workerEnded':
      return [`${formatKey(effect)} is over`];
    case 'reportStop':
      return effect.told ? [] : [`report, since its registrant is not told: ${printStatus(effect.status)}`];
    case 'removeSegment':
      return [`remove segment ${effect.id}`];
    case 'memberGone':
      return [`${effect.clients.join(', ')} is told: member ${effect.member} is gone`];
    case 'clearMember':
      return [`clear member ${effect.member}`];
    case 'exit':
      return ['exit'];
  }
}

function printAnswer({ client, answer }: Extract<Effect, { type: 'reply' }>): readonly string[] {
  const start = `${client} is answered:`;
  switch (answer.answer) {
    case 'registered':
      return [`${start} ${answer.existing ? 'already there' : 'registered'} ${printStatus(answer.status)}`];
    case 'status':
      return [`${start} ${printStatus(answer.status)}`];
    case 'refused': {
      const { code, message, detail, hint } = answer.refusal;
      return [
        `${start} refused ${code}`,
        `  ${message}`,
        ...(detail === undefined ? [] : [`  ${detail}`]),
        ...(hint === undefined ? [] : [`  ${hint}`]),
      ];
    }
    case 'memory':
      return [`${start} member ${answer.member}`];
    case 'segment': {
      const { id, sizeBytes, created } = answer;
      return [`${start} segment ${id} of ${sizeBytes} bytes${created ? ', to be made' : ''}`];
    }
    case 'done':
      return [`${start} done`];
  }
}

/** `0:1 s3 stopped, died 1 of 1 (threw …), again at 1000`. */
export function printStatus(status: WorkerStatus): string {
  const { attempts, deaths, phase, pid, startedFrom, reason, final, willRestart, retryAt, result } = status;
  const parts = [`${formatKey(status)} s${sequenceOf(status)} ${status.status}`];
  if (pid !== null) parts.push(`${phase} as ${pid}`);
  // That none was there goes without saying.
  if (startedFrom?.kind === 'spare') parts.push('from a spare');
  if (startedFrom?.kind === 'cold' && startedFrom.because !== 'noSpare') parts.push(`cold: ${startedFrom.because}`);
  if (reason !== null) parts.push(`died ${deaths} of ${attempts}: ${printReason(reason)}`);
  if (result !== null) parts.push(result.state === 'bytes' ? `result ${result.bytes.length} bytes` : result.code);
  // With a phase it is coming up already, which is said by that.
  if (willRestart && phase === null) parts.push(retryAt === null ? 'again with its group' : `again at ${retryAt}`);
  if (final) parts.push('final');
  return parts.join(', ');
}

function sequenceOf({ sequence }: WorkerStatus): string {
  return sequence === Number.MAX_SAFE_INTEGER ? 'last' : String(sequence);
}

function printReason(reason: StopReason): string {
  const { kind, phase, pid, code, signal, output, attempt, forkedAt, enteredAt, stoppedAt, ...own } = reason;
  const how = [
    ...Object.entries(own).map(([field, value]) => `${field} ${printValue(value)}`),
    ...(phase === null ? [] : [phase]),
    ...(code === null ? [] : [`exit ${code}`]),
    ...(signal === null ? [] : [signal]),
  ];
  return how.length === 0 ? kind : `${kind} (${how.join(', ')})`;
}

function printValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if ('kind' in value) return String(value.kind);
  if ('message' in value) return JSON.stringify(value.message);
  return JSON.stringify(value);
}

export function printSegments(state: State): readonly string[] {
  const { used, max, sizeBytes } = segmentsUse(state);
  const rows = segmentRows(state, 1).map(({ id, name, pinned, holders, ...row }) => {
    const who = holders.map(({ member, worker }) => (worker === null ? member : `${member} in ${formatKey(worker)}`));
    const what = `${id}${name === null ? '' : ` ${name}`} of ${row.sizeBytes} bytes${pinned ? ', pinned' : ''}`;
    return `${what}: ${who.length === 0 ? 'nobody' : who.join(', ')}`;
  });
  return [...rows, `${used} of ${max} segments, ${sizeBytes} bytes`];
}

export function printState(state: State, now: number): readonly string[] {
  const rows = [...activityOf(state, now)].map(({ waitEvent, ...row }) => {
    const waits = waitEvent === null ? '' : `, waits for ${waitEvent}`;
    return `${formatKey(row)} ${row.name}: ${row.state}${waits}`;
  });
  const lines = [...rows];
  const { wanted, idle, booting, deaths } = sparesActivity(state, now);
  if (wanted + idle + booting > 0) lines.push(`spares: ${idle} idle, ${booting} booting of ${wanted}, ${deaths} died`);
  if (state.waiting.length > 0)
    lines.push(`waiting for a slot: ${state.waiting.map(({ client }) => client).join(', ')}`);
  if (state.shutdown.state !== 'none') lines.push(`shutdown: ${state.shutdown.state}`);
  const wakeup = nextWakeupAt(state);
  lines.push(wakeup === Number.POSITIVE_INFINITY ? 'nothing is due' : `next due at ${wakeup}`);
  const watched = [...tenants(state)].filter(({ watchers }) => watchers.length > 0);
  for (const tenant of watched) lines.push(`${formatKey(tenant)} is watched by ${tenant.watchers.join(', ')}`);
  return lines;
}
