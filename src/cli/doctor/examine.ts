/**
 * All checks of `bgworker doctor`, in the order in which a reader wants to know. A check that fails by itself is told as
 * a warning and keeps no other from being made.
 */

import { checkMemory, checkOpenFiles, checkProcesses, checkProcessors, checkSharedMemory } from './container.js';
import { checkCopies } from './copies.js';
import type { Check, Finding } from './finding.js';
import { warning } from './finding.js';
import { checkClock, checkDirectory, checkLeftovers, checkTemporary } from './place.js';
import { checkConfig, checkPostmaster, checkSlots, checkSpares, checkVersion } from './postmaster.js';
import { checkKoffi, checkNode, checkNodeOptions, checkPlatform, checkShell } from './runtime.js';
import type { Scene } from './scene.js';
import { checkFirstProcess, checkService } from './surroundings.js';

export const CHECKS = {
  node: checkNode,
  nodeOptions: checkNodeOptions,
  platform: checkPlatform,
  shell: checkShell,
  koffi: checkKoffi,
  copies: checkCopies,
  config: checkConfig,
  directory: checkDirectory,
  temporary: checkTemporary,
  leftovers: checkLeftovers,
  postmaster: checkPostmaster,
  version: checkVersion,
  slots: checkSlots,
  spares: checkSpares,
  processors: checkProcessors,
  memory: checkMemory,
  sharedMemory: checkSharedMemory,
  openFiles: checkOpenFiles,
  processes: checkProcesses,
  firstProcess: checkFirstProcess,
  service: checkService,
  clock: checkClock,
} as const satisfies { readonly [name: string]: Check };

export type NamedFinding = Finding & { readonly check: string };

export async function examine(scene: Scene): Promise<readonly NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const [check, look] of Object.entries<Check>(CHECKS)) {
    const finding = await tryLook(look, scene);
    if (finding !== null) findings.push({ check, ...finding });
  }
  return findings;
}

async function tryLook(look: Check, scene: Scene): Promise<Finding | null> {
  try {
    return await look(scene);
  } catch (error) {
    return warning(`could not be looked at: ${(error as Error).message}`, 'tell us, if nothing here explains it');
  }
}
