/**
 * What the kernel knows of a process: how much memory is its alone, and how often its threads woke up.
 *
 * Private memory is what the machine would have back if the process ended. Resident memory counts the pages of the node
 * binary too, which all Nodes share, and so says little about one of them.
 */
import { readdirSync, readFileSync } from 'node:fs';

const MIB = 2 ** 20;

/** @param {number} pid */
export function memoryOf(pid) {
  return readMemory(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
}

/** @param {string} rollup as /proc/<pid>/smaps_rollup has it */
export function readMemory(rollup) {
  const kilobytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]);
  const privateBytes = (kilobytes('Private_Clean') + kilobytes('Private_Dirty')) * 1024;
  return { residentMib: (kilobytes('Rss') * 1024) / MIB, privateMib: privateBytes / MIB };
}

/**
 * How often all threads of a process together went to sleep of their own accord, which each wake-up ends with.
 *
 * @param {number} pid
 */
export function sleepsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]);
  }, 0);
}

/** The processes whose parent it is. @param {number} pid */
export function childrenOf(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

/**
 * How long all threads of a process together have had a processor: what its work costs, on however busy a machine.
 *
 * @param {number} pid
 */
export function processorMsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [onProcessorNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(onProcessorNs) / 1e6;
  }, 0);
}
