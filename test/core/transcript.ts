/**
 * Scenarios as text: a line for what happens, then, indented, what the core orders. A file holds several:
 *
 *     == a worker that returns is done for good            the title, and then a world of its own
 *     # Anything.                                          a remark
 *     > register 1 greeter restart=onFailure               what happens
 *       1 is answered: registered 0:1 …                    what follows
 *     > +500 clock                                         500 ms later
 *
 * Client 1 is there from the beginning. A worker is named by slot and generation, and means its present attempt; an
 * older one is said with #: `entered 0:1#1`. After each line all invariants are checked. The verbs are in VERBS.
 */
import type { AttemptKey, BackgroundWorker, Event, Limits, State, WorkerKey } from '../../src/core/index.js';
import {
  checkState,
  completeBackgroundWorker,
  initialState,
  planReload,
  tellReload,
  tenantOf,
  transition,
} from '../../src/core/index.js';
import { defaultLimits } from '../../src/core/limits.js';
import type { Fact } from '../../src/postmaster/fact.js';
import { printEffect, printSegments, printState } from './print.js';

export interface Scenario {
  readonly title: string;
  /** All lines, as they stand in the file. */
  readonly lines: readonly string[];
}

export function parseScenarios(text: string): { readonly head: readonly string[]; readonly scenarios: Scenario[] } {
  const [head = '', ...rest] = text.split(/^== /m);
  const scenarios = rest.map((part) => {
    const [title = '', ...lines] = part.trimEnd().split('\n');
    return { title, lines };
  });
  return { head: head.trimEnd().split('\n'), scenarios };
}

/** The scenario as it should read: what stands there, with what follows now in the place of what followed once. */
export function play({ lines }: Scenario): readonly string[] {
  const world = new Trial();
  return lines.flatMap((line) => {
    if (line.startsWith('  ')) return [];
    return line.startsWith('> ') ? [line, ...world.play(line.slice(2)).map((effect) => `  ${effect}`)] : [line];
  });
}

/** A core of its own, driven by the lines of a transcript. */
export class Trial {
  now = 0;
  state: State = initialState('test', { ...defaultLimits(4), maxStartsPerPass: 8 });
  readonly early: BackgroundWorker[] = [];
  #requests = 0;
  #pids = 100;

  constructor() {
    this.tell({ type: 'clientConnected', client: 1, worker: null });
  }

  play(line: string): readonly string[] {
    const words = line.trim().split(/\s+/);
    if (words[0]?.startsWith('+')) this.now += Number(words.shift());
    const [verb = '', ...args] = words;
    const perform = VERBS[verb];
    if (perform === undefined) throw new Error(`no such verb: ${verb}`);
    return [...perform(this, args), ...this.#endPass()];
  }

  /** As the postmaster comes back at once. While more is due than fits into a pass, a `clock` in the text says when. */
  #endPass(): readonly string[] {
    const { pass, slots } = this.state;
    return pass.starts > 0 && slots.dueAt > this.now ? this.tell({ type: 'clockAdvanced' }) : [];
  }

  /** Plays them all, and gives what followed the last one. */
  after(...lines: readonly string[]): readonly string[] {
    return lines.map((line) => this.play(line)).at(-1) ?? [];
  }

  tell(...facts: readonly Fact[]): readonly string[] {
    return facts.flatMap((fact) => {
      const { state, effects } = transition(this.state, { at: this.now, ...fact } as Event);
      this.state = state;
      checkState(state);
      return effects.flatMap(printEffect);
    });
  }

  limit(limits: Partial<Limits>): void {
    this.state = { ...this.state, limits: { ...this.state.limits, ...limits } };
  }

  request(client: string | undefined): { readonly client: number; readonly request: number } {
    this.#requests += 1;
    return { client: Number(client), request: this.#requests };
  }

  nextPid(): number {
    this.#pids += 1;
    return this.#pids;
  }

  attempt(text: string | undefined): AttemptKey {
    const [key, attempt] = text?.split('#') ?? [];
    const worker = keyFrom(key);
    return { ...worker, attempt: Number(attempt ?? tenantOf(this.state, worker)?.attempts ?? 1) };
  }
}

type Verb = (world: Trial, args: readonly string[]) => readonly string[];

const error = { name: 'Error', message: 'no' };

const VERBS: { readonly [verb: string]: Verb } = {
  // Before anything else.
  limits: (world, args) => {
    world.limit(fieldsFrom(args));
    return [];
  },
  // The workers that the settings name: any number of these, and then `begin`.
  early: (world, [name, ...args]) => {
    world.early.push(workerFrom(name, args));
    return [];
  },
  begin: (world, args) =>
    world.tell({ type: 'postmasterStarted', workers: world.early.splice(0), spares: args.includes('spares') }),
  clock: (world) => world.tell({ type: 'clockAdvanced' }),
  reload: (world, args) =>
    world.tell({
      type: 'limitsReloaded',
      limits: { ...world.state.limits, ...fieldsFrom(args) } as Limits,
      spares: Number(fieldsFrom(args)['spareWorkers'] ?? 0) > 0,
    }),
  // What the settings list from now on: `early` lines, and then this.
  relist: (world) => {
    const workers = world.early.splice(0);
    const plan = planReload(world.state, workers);
    const effects = world.tell({ type: 'listReloaded', workers });
    const told = tellReload(world.state, plan).map(({ name, change, ended }) =>
      ended === null ? `${name}: ${change}` : `${name}: ${change}, it ended: ${ended}`,
    );
    return [...told, ...effects];
  },
  // shutdown <mode> [graceMs, or - ] [the client that waits for it]
  shutdown: (world, [mode, graceMs = '-', client]) =>
    world.tell({
      type: 'shutdownRequested',
      mode: mode as 'fast',
      graceMs: graceMs === '-' ? null : Number(graceMs),
      uncounted: client === undefined ? null : Number(client),
    }),
  show: (world) => printState(world.state, world.now),

  connect: (world, [client, , home]) =>
    world.tell({
      type: 'clientConnected',
      client: Number(client),
      worker: home === undefined ? null : keyFrom(home),
    }),
  gone: (world, [client]) => world.tell({ type: 'clientGone', client: Number(client) }),
  block: (world, [client]) => world.tell({ type: 'clientBlocked', client: Number(client) }),
  drain: (world, [client]) => world.tell({ type: 'clientDrained', client: Number(client) }),
  // register <client> <name> [wait] [key=…] [field=…]…
  register: (world, [client, name, ...args]) => {
    const asked = world.request(client);
    const { key = `k${asked.request}`, ...fields } = fieldsFrom(args.filter((arg) => arg !== 'wait'));
    const worker = workerFrom(name, [], fields);
    const waitForSlot = args.includes('wait');
    return world.tell({ type: 'registrationRequested', ...asked, key: String(key), worker, waitForSlot });
  },
  withdraw: (world, [client, request]) =>
    world.tell({ type: 'requestWithdrawn', client: Number(client), request: Number(request) }),
  status: (world, [client, key]) => world.tell({ type: 'statusRequested', ...world.request(client), ...keyFrom(key) }),
  watch: (world, [client, key]) => world.tell({ type: 'watchRequested', ...world.request(client), ...keyFrom(key) }),
  unwatch: (world, [client, key]) => world.tell({ type: 'watchEnded', client: Number(client), ...keyFrom(key) }),
  watchAll: (world, [client]) => world.tell({ type: 'watchAllRequested', ...world.request(client) }),
  unwatchAll: (world, [client]) => world.tell({ type: 'watchAllEnded', client: Number(client) }),
  terminate: (world, [client, key, timeoutMs]) =>
    world.tell({
      type: 'terminationRequested',
      ...world.request(client),
      ...keyFrom(key),
      timeoutMs: timeoutMs === undefined ? null : Number(timeoutMs),
    }),
  restart: (world, [client, key]) =>
    world.tell({ type: 'restartRequested', ...world.request(client), ...keyFrom(key) }),

  join: (world, [client]) => world.tell({ type: 'memoryJoinRequested', ...world.request(client) }),
  create: (world, [client, sizeBytes = '4096']) =>
    world.tell({ type: 'segmentRequested', ...world.request(client), sizeBytes: Number(sizeBytes) }),
  // named <client> <name> [sizeBytes]
  named: (world, [client, name = '', sizeBytes = '4096']) =>
    world.tell({
      type: 'namedSegmentRequested',
      ...world.request(client),
      name: String(valueFrom(name)),
      sizeBytes: Number(sizeBytes),
    }),
  initialised: (world, [client, id]) =>
    world.tell({ type: 'segmentInitialised', ...world.request(client), id: Number(id) }),
  attach: (world, [client, id]) =>
    world.tell({ type: 'segmentAttachRequested', ...world.request(client), id: Number(id) }),
  detach: (world, [client, id]) => world.tell({ type: 'segmentDetached', client: Number(client), id: Number(id) }),
  pin: (world, [client, id]) => world.tell({ type: 'segmentPinRequested', ...world.request(client), id: Number(id) }),
  unpin: (world, [client, id]) =>
    world.tell({ type: 'segmentUnpinRequested', ...world.request(client), id: Number(id) }),
  segments: (world) => printSegments(world.state),

  forked: (world, [key]) => world.tell({ type: 'workerForked', ...world.attempt(key), pid: world.nextPid() }),
  spawnFailed: (world, [key, errno = 'EAGAIN', jitter = '0.5']) => {
    const what = 'make a process';
    return world.tell({ type: 'spawnFailed', ...world.attempt(key), errno, what, jitter: Number(jitter) });
  },
  runtime: (world, [key]) => world.tell({ type: 'runtimeUp', ...world.attempt(key) }),
  loading: (world, [key]) => world.tell({ type: 'moduleLoading', ...world.attempt(key) }),
  entered: (world, [key]) => world.tell({ type: 'functionEntered', ...world.attempt(key) }),
  ready: (world, [key]) => world.tell({ type: 'readyReported', ...world.attempt(key) }),
  // All the way from the fork into its function.
  up: (world, [key]) => {
    const attempt = world.attempt(key);
    return world.tell(
      { type: 'workerForked', ...attempt, pid: world.nextPid() },
      { type: 'runtimeUp', ...attempt },
      { type: 'moduleLoading', ...attempt },
      { type: 'functionEntered', ...attempt },
    );
  },
  progress: (world, [key, done, total]) =>
    world.tell({
      type: 'progressReported',
      ...world.attempt(key),
      done: Number(done),
      total: total === undefined ? null : Number(total),
    }),
  // waits <worker> [event]
  waits: (world, [key, event]) => world.tell({ type: 'waitEventTold', ...world.attempt(key), event: event ?? null }),
  // said <worker> <word> [field=…]…
  said: (world, [key, word = '', ...args]) =>
    world.tell({
      type: 'workerSaid',
      ...world.attempt(key),
      saying: { word, ...SAYINGS[word], ...fieldsFrom(args) } as never,
    }),
  // exited <worker> <code or signal> [outOfMemory] [jitter=…]
  exited: (world, [key, how = '0', ...args]) => {
    const isSignal = how.startsWith('SIG');
    const { jitter = 0.5, output = '' } = fieldsFrom(args.filter((arg) => arg !== 'outOfMemory'));
    return world.tell({
      type: 'workerExited',
      ...world.attempt(key),
      code: isSignal ? null : Number(how),
      signal: isSignal ? how : null,
      output: String(output),
      outOfMemory: args.includes('outOfMemory'),
      jitter: Number(jitter),
    });
  },
  // spare <number> forked | idle | exited
  spare: (world, [spare, what = '']) => {
    if (what === 'forked') return world.tell({ type: 'spareForked', spare: Number(spare), pid: world.nextPid() });
    if (what === 'idle') return world.tell({ type: 'spareIdle', spare: Number(spare) });
    return world.tell({ type: 'spareExited', spare: Number(spare) });
  },
  stale: (world) => world.tell({ type: 'sparesStale' }),
  lost: (world, [key]) => world.tell({ type: 'channelLost', ...world.attempt(key) }),
  memory: (world, [key, rssBytes]) =>
    world.tell({ type: 'memoryMeasured', ...world.attempt(key), rssBytes: Number(rssBytes) }),
};

const SAYINGS: { readonly [word: string]: object } = {
  moduleNotFound: { path: '/w.js', error },
  moduleThrew: { error },
  exportMissing: { name: 'default', exports: ['other'] },
  returned: { asked: false, result: null },
  threw: { error },
  stoppedAsAsked: { by: 'postmaster' },
  exiting: { code: 0 },
};

function workerFrom(name = '', args: readonly string[] = [], fields: object = fieldsFrom(args)): BackgroundWorker {
  return completeBackgroundWorker({ name, module: 'file:///w.js', cwd: '/', ...fields });
}

function keyFrom(text = ''): WorkerKey {
  const [slot, generation] = text.split(':').map(Number);
  return { slot: slot ?? Number.NaN, generation: generation ?? Number.NaN };
}

/** `name=value`, where a value is JSON or else a plain word. */
function fieldsFrom(args: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    args.map((arg) => {
      const at = arg.indexOf('=');
      return [arg.slice(0, at), valueFrom(arg.slice(at + 1))];
    }),
  );
}

function valueFrom(text: string): unknown {
  return /^(-?\d|[[{"]|null$|true$|false$)/.test(text) ? JSON.parse(text) : text;
}
