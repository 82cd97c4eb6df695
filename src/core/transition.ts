/**
 * The postmaster's decisions: one fact in, the next state and an ordered list of orders out. Pure and total: any event
 * in any state gives an answer, the same one every time, and what does not concern anybody changes nothing.
 *
 * Each transition goes through the same steps: apply the fact, give freed slots to those who wait, start and stop what
 * is due, and end when nothing is left. Then the invariants of every slot and segment it touched are checked.
 */
import { unreachable } from '../base/index.js';
import {
  answerStatus,
  clientConnected,
  clientGone,
  endWatch,
  requestShutdown,
  restart,
  terminate,
  watch,
  watchAll,
} from './clients.js';
import type { Effect } from './effect.js';
import { forgetLastWords } from './ending.js';
import type { Event } from './event.js';
import { checkTouched } from './invariants.js';
import { NO_LAST_WORDS } from './lastWords.js';
import { applyWorkerEvent } from './lifecycle.js';
import type { Limits } from './limits.js';
import { registerListed, reloadListed, serveListed } from './listedWorkers.js';
import { clientBlocked, clientDrained } from './notification.js';
import { PersistentMap } from './persistentMap.js';
import { requestRegistration, serveWaiting, withdrawRegistration } from './registration.js';
import { runDue } from './schedule.js';
import {
  attachSegment,
  createSegment,
  detachSegment,
  findOrCreateSegment,
  joinMemory,
  pinSegment,
  segmentInitialised,
  unpinSegment,
  withdrawSegment,
} from './segments.js';
import { NO_SHARED_MEMORY } from './sharedMemory.js';
import { exitWhenEmpty } from './shutdown.js';
import { SlotTree } from './slotTree.js';
import { NO_SPARES } from './sparePool.js';
import { applySpareEvent, keepSpares, reloadSpares, replaceSpares, wantSpares } from './spares.js';
import type { Draft, State } from './state.js';
import { NEW_PASS, openDraft, sealDraft } from './state.js';

export interface Transition {
  readonly state: State;
  readonly effects: readonly Effect[];
}

export function initialState(epoch: string, limits: Limits): State {
  return {
    epoch,
    limits,
    slots: SlotTree.empty(),
    clients: PersistentMap.empty(),
    watchingAll: [],
    names: PersistentMap.empty(),
    crashGroups: PersistentMap.empty(),
    usedByClass: PersistentMap.empty(),
    registrations: PersistentMap.empty(),
    waiting: [],
    successors: PersistentMap.empty(),
    early: [],
    listed: [],
    lastWords: NO_LAST_WORDS,
    spares: NO_SPARES,
    memory: NO_SHARED_MEMORY,
    pass: NEW_PASS,
    shutdown: { state: 'none' },
  };
}

export function transition(state: State, event: Event): Transition {
  const draft = openDraft(state, event.at);
  // What a client asked that is gone by now concerns nobody any more.
  if (!('client' in event) || event.type === 'clientConnected' || draft.clients.has(event.client))
    applyEvent(draft, event);
  if (draft.usedByClass !== state.usedByClass || draft.limits !== state.limits) {
    serveListed(draft);
    serveWaiting(draft);
  }
  if (draft.shutdown.state !== 'exited') runDue(draft);
  keepSpares(draft);
  exitWhenEmpty(draft);
  const next = sealDraft(draft);
  checkTouched(next, draft);
  return { state: next, effects: draft.effects };
}

function applyEvent(draft: Draft, event: Event): void {
  switch (event.type) {
    case 'postmasterStarted':
      // Who was told to shut down before it had begun does not begin.
      if (draft.shutdown.state !== 'none') return;
      if (event.spares) wantSpares(draft);
      return registerListed(draft, event.workers);
    case 'clockAdvanced':
      draft.pass = NEW_PASS;
      return;
    case 'limitsReloaded':
      reloadSpares(draft, event.limits, event.spares);
      return forgetLastWords(draft);
    case 'listReloaded':
      return reloadListed(draft, event.workers);
    case 'shutdownRequested':
      return requestShutdown(draft, event);
    case 'clientConnected':
      return clientConnected(draft, event.client, event.worker);
    case 'clientGone':
      return clientGone(draft, event.client);
    case 'clientBlocked':
      return clientBlocked(draft, event.client);
    case 'clientDrained':
      return clientDrained(draft, event.client);
    case 'registrationRequested': {
      const { client, request, key, worker } = event;
      return requestRegistration(draft, { client, request, key, worker }, event.waitForSlot);
    }
    case 'requestWithdrawn':
      withdrawSegment(draft, event.client, event.request);
      return withdrawRegistration(draft, event.client, event.request);
    case 'statusRequested':
      return answerStatus(draft, event);
    case 'watchRequested':
      return watch(draft, event);
    case 'watchEnded':
      return endWatch(draft, event.client, event);
    case 'watchAllRequested':
      return watchAll(draft, event);
    case 'watchAllEnded':
      draft.watchingAll = draft.watchingAll.filter((client) => client !== event.client);
      return;
    case 'terminationRequested':
      return terminate(draft, event);
    case 'restartRequested':
      if (draft.limits.preload.length > 0) replaceSpares(draft);
      return restart(draft, event);
    case 'memoryJoinRequested':
      return joinMemory(draft, event);
    case 'segmentRequested':
      return createSegment(draft, event);
    case 'namedSegmentRequested':
      return findOrCreateSegment(draft, event);
    case 'segmentInitialised':
      return segmentInitialised(draft, event);
    case 'segmentAttachRequested':
      return attachSegment(draft, event);
    case 'segmentPinRequested':
      return pinSegment(draft, event);
    case 'segmentUnpinRequested':
      return unpinSegment(draft, event);
    case 'segmentDetached':
      return detachSegment(draft, event.client, event.id);
    case 'workerForked':
    case 'spawnFailed':
    case 'runtimeUp':
    case 'moduleLoading':
    case 'functionEntered':
    case 'readyReported':
    case 'progressReported':
    case 'waitEventTold':
    case 'workerSaid':
    case 'workerExited':
    case 'channelLost':
    case 'memoryMeasured':
      return applyWorkerEvent(draft, event);
    case 'spareForked':
    case 'spareIdle':
    case 'spareExited':
    case 'sparesStale':
      return applySpareEvent(draft, event);
    default:
      unreachable(event);
  }
}
