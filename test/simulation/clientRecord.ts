/**
 * What one client was told, held against what there was to tell. A client that reads knows the newest status of each
 * worker it watches, and has heard every one before it, numbered without a gap; one that is blocked hears nothing, and
 * the newest of each when it can read again. Nobody is told final twice.
 */
import type { Event, State, WorkerKey, WorkerStatus } from '../../src/core/index.js';
import { formatKey, statusOfKey, tenantOf, tenants } from '../../src/core/index.js';
import { expect } from './violation.js';

export class ClientRecord {
  /** The worker it lives in. */
  readonly worker: WorkerKey | null;
  /** By request number: the question that waits for its answer. */
  readonly questions = new Map<number, Event>();
  blocked = false;
  #isDraining = false;
  #watchesAll = false;
  /** Workers it watches by themselves, with the sequence it knows. */
  readonly #watched = new Map<string, { readonly key: WorkerKey; sequence: number; status: WorkerStatus }>();
  /** Workers it hears of as of every other, with the sequence it knows. */
  readonly #heard = new Map<string, number>();
  readonly #toldFinal = new Set<string>();

  constructor(worker: WorkerKey | null) {
    this.worker = worker;
  }

  /** It was told the present status, and will be told every later one. */
  watch(status: WorkerStatus): void {
    const { slot, generation, sequence, final } = status;
    const key = { slot, generation };
    if (final) this.#watched.delete(formatKey(key));
    else this.#watched.set(formatKey(key), { key, sequence, status });
  }

  unwatch(key: WorkerKey): void {
    const name = formatKey(key);
    const { sequence } = this.#watched.get(name) ?? {};
    this.#watched.delete(name);
    if (sequence !== undefined) this.#heard.set(name, sequence);
  }

  watchAll(state: State): void {
    if (this.#watchesAll) return;
    this.#watchesAll = true;
    for (const tenant of tenants(state)) this.#heard.set(formatKey(tenant), tenant.sequence);
  }

  unwatchAll(): void {
    this.#watchesAll = false;
    this.#heard.clear();
  }

  beginDraining(): void {
    this.#isDraining = this.blocked;
    this.blocked = false;
  }

  told(status: WorkerStatus): void {
    const name = formatKey(status);
    expect(!this.blocked, 'nothing is sent to a client that does not read');
    expect(!this.#toldFinal.has(name), 'nobody is told final twice');
    const watched = this.#watched.get(name);
    const last = watched?.sequence ?? this.#heard.get(name);
    if (this.#isDraining) expect(last === undefined || status.sequence >= last, 'nothing older is told after newer');
    else {
      expect(watched !== undefined || this.#watchesAll, 'only who watches is told');
      expect(status.sequence === (last ?? 0) + 1, 'who reads misses nothing');
    }
    if (status.final) {
      this.#toldFinal.add(name);
      this.#watched.delete(name);
      this.#heard.delete(name);
    } else if (watched !== undefined) {
      watched.sequence = status.sequence;
      watched.status = status;
    } else this.#heard.set(name, status.sequence);
  }

  endStep(state: State): void {
    if (this.#isDraining) this.check(state);
    this.#isDraining = false;
  }

  /** Does it know the newest of everything it is to know? */
  check(state: State): void {
    if (this.blocked) return;
    for (const [name, { key, sequence, status }] of this.#watched) {
      const tenant = tenantOf(state, key);
      expect(tenant !== undefined, `who watches is told of the end (${name})`);
      expect(tenant.sequence === sequence, `who watches and reads knows the newest (${name})`);
      const now = statusOfKey(state, key);
      const isTrue = now?.status === status.status && now.pid === status.pid && now.deaths === status.deaths;
      expect(isTrue, `what it knows is still true (${name})`);
      expect(told(now) === told(status), `who watches is told of the phases (${name})`);
    }
    if (!this.#watchesAll) return;
    for (const tenant of tenants(state)) {
      const name = formatKey(tenant);
      const known = this.#watched.get(name)?.sequence ?? this.#heard.get(name) ?? 0;
      expect(known === tenant.sequence, `who watches all and reads knows the newest of each (${name})`);
    }
  }
}

/** The phase, but that Node is up in it is told to nobody; who asks hears of it. */
function told({ phase }: WorkerStatus): WorkerStatus['phase'] {
  return phase === 'runtime' ? 'forked' : phase;
}
