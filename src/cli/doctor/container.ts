/**
 * Checks of what this machine, or this container, has for workers: processors, memory, threads, descriptors, shared
 * memory. What is enough depends on the slots, so each answer names both.
 */
import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { affordableSlots, readCgroupLimits, SLOT_MEMORY_BYTES } from '../../postmaster/index.js';
import type { Finding } from './finding.js';
import { ok, warning } from './finding.js';
import type { Scene } from './scene.js';
import { slotsOf } from './scene.js';

/** Measured: four pipes of a worker, and a connection for `ctx.client`; the postmaster's own, and some clients. */
const DESCRIPTORS_PER_SLOT = 5;
const OTHER_DESCRIPTORS = 100;

/** Measured: a Node of four processors' pool that reads files has eleven; the postmaster, the guardian, the program. */
const THREADS_PER_SLOT = 11;
const OTHER_THREADS = 30;

/** Below that a Node takes more than a tenth of a second to boot. */
const LEAST_CPUS = 0.5;

const MiB = 1024 ** 2;

export function checkProcessors({ root }: Scene): Finding {
  const limit = readCgroupLimits(root).cpus;
  const processors = `${availableParallelism()} to run on`;
  if (limit === null) return ok(processors);
  const found = `${limit.value} by ${limit.file}, ${processors}`;
  if (limit.value >= LEAST_CPUS) return ok(found);
  const bootMs = Math.round(50 / limit.value);
  return warning(found, `a Node needs ${bootMs} ms to boot with that: give the container half a processor or more`);
}

export function checkMemory(scene: Scene): Finding {
  const limit = readCgroupLimits(scene.root).memoryBytes;
  const slots = slotsOf(scene);
  if (limit === null) return ok(`${inMiB(totalmem())} of the machine, for ${slots} slots`);
  const found = `${inMiB(limit.value)} by ${limit.file}, for ${slots} slots`;
  const affordable = affordableSlots(limit.value);
  if (slots <= affordable) return ok(found);
  return warning(
    `${found} of about ${inMiB(SLOT_MEMORY_BYTES)} each`,
    `set maxWorkerProcesses to ${affordable}, or give the container ${inMiB(slots * SLOT_MEMORY_BYTES)}: when all are used, the kernel kills one of them`,
  );
}

export function checkSharedMemory({ root, platform }: Scene): Finding | null {
  if (platform !== 'linux') return null;
  const folder = join(root, '/dev/shm');
  const size = sizeOf(folder);
  const advice = 'docker run --shm-size=1g, or in Kubernetes an emptyDir of medium Memory at /dev/shm';
  if (size === undefined) return warning('there is no /dev/shm, and so no bgworker/shm', advice);
  if (!isWritable(folder)) {
    return warning(
      '/dev/shm cannot be written, so there is no bgworker/shm',
      'mount it for reading and writing, mode 1777',
    );
  }
  const found = `${inMiB(size.bytes)}, of which ${inMiB(size.freeBytes)} are free`;
  if (size.bytes <= 64 * MiB) return warning(`${found}, as containers have it`, advice);
  if (size.freeBytes < 16 * MiB)
    return warning(found, 'ls -l /dev/shm shows what is there; remove it, or give it more');
  return ok(found);
}

export function checkOpenFiles(scene: Scene): Finding | null {
  const limit = softLimit(scene.root, 'Max open files');
  const slots = slotsOf(scene);
  const wanted = slots * DESCRIPTORS_PER_SLOT + OTHER_DESCRIPTORS;
  if (limit === undefined) return null;
  if (limit >= wanted) return ok(`${limit} open files, ${wanted} for ${slots} slots`);
  return warning(
    `${limit} open files, and ${slots} slots may need ${wanted}`,
    `ulimit -n ${wanted}, LimitNOFILE= in a unit, --ulimit nofile=${wanted} for a container; or fewer slots`,
  );
}

/** Both limits count threads. Nobody counts root's processes for `ulimit -u`. */
export function checkProcesses(scene: Scene): Finding | null {
  const own = process.geteuid?.() === 0 ? undefined : softLimit(scene.root, 'Max processes');
  const tasks = readCgroupLimits(scene.root).tasks;
  const limit = Math.min(own ?? Number.POSITIVE_INFINITY, tasks?.value ?? Number.POSITIVE_INFINITY);
  const slots = slotsOf(scene);
  const wanted = slots * THREADS_PER_SLOT + OTHER_THREADS;
  if (limit === Number.POSITIVE_INFINITY) return ok('no limit');
  if (limit >= wanted) return ok(`${limit} threads, ${wanted} for ${slots} slots`);
  return warning(
    `${limit} threads by ${limit === tasks?.value ? tasks.file : 'ulimit -u'}, and ${slots} slots may need ${wanted}`,
    `ulimit -u ${wanted}, TasksMax= in a unit, --pids-limit ${wanted} for a container; or fewer slots`,
  );
}

function softLimit(root: string, name: string): number | undefined {
  try {
    const text = readFileSync(join(root, '/proc/self/limits'), 'utf8');
    const soft = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(text)?.[1];
    if (soft === undefined) return undefined;
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined;
  }
}

function sizeOf(folder: string): { readonly bytes: number; readonly freeBytes: number } | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder);
    return { bytes: blocks * bsize, freeBytes: bavail * bsize };
  } catch {
    return undefined;
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function inMiB(bytes: number): string {
  return `${Math.floor(bytes / MiB)} MiB`;
}
