/**
 * How many slots a postmaster has when nobody says. A slot is a process, so this is bounded by what the machine, or the
 * container, has for processes: it never promises more than there is memory for.
 *
 * Where somebody sets `maxWorkerProcesses`, that counts and nothing here does.
 */
import { availableParallelism } from 'node:os';
import { readCgroupLimits } from './cgroup.js';

export interface Resources {
  /** Processors' worth of time; may be a fraction. */
  readonly cpus: number;
  /** What all processes of the container may have together; null: no such limit. */
  readonly memoryBytes: number | null;
}

/** An idle Node process has about 45 MiB of its own, and a worker is there to do something. */
export const SLOT_MEMORY_BYTES = 64 * 1024 * 1024;

/** A daemon serves many programs, whose number the processors say nothing of. PostgreSQL has 8. */
const DAEMON_SLOTS = 32;

export function slotsFor(kind: 'embedded' | 'daemon', { cpus, memoryBytes }: Resources): number {
  const wanted = kind === 'daemon' ? DAEMON_SLOTS : Math.max(4, Math.floor(2 * cpus));
  return memoryBytes === null ? wanted : Math.min(wanted, affordableSlots(memoryBytes));
}

/** For how many so much memory is enough; one there is always. */
export function affordableSlots(memoryBytes: number): number {
  return Math.max(1, Math.floor(memoryBytes / SLOT_MEMORY_BYTES));
}

export function defaultSlots(kind: 'embedded' | 'daemon'): number {
  return slotsFor(kind, availableResources());
}

function availableResources(): Resources {
  const { cpus, memoryBytes } = readCgroupLimits();
  const processors = availableParallelism();
  return {
    cpus: cpus === null ? processors : Math.min(cpus.value, processors),
    memoryBytes: memoryBytes === null ? null : memoryBytes.value,
  };
}
