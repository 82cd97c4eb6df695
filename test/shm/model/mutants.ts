/**
 * The code that ships, with one mistake in it: a copy of what was compiled, with one place changed. A model that finds
 * nothing wrong with such a copy would find nothing wrong with anything.
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Exploration } from './explore.js';

export type SharedMemory = typeof import('../../../src/shm/index.js');

export interface Mistake {
  /** In src/shm, without its ending. */
  readonly file: string;
  /** Compiled text that is there once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
}

export async function withMistake({ file, from, to }: Mistake): Promise<SharedMemory> {
  const folder = mkdtempSync(join(tmpdir(), 'bgworker-mutant-'));
  try {
    for (const part of ['base', 'shm']) {
      // As tsc wrote them: what ships is joined to one file of each folder.
      const from = fileURLToPath(new URL(`../../../.unjoined/${part}`, import.meta.url));
      mkdirSync(join(folder, part));
      for (const name of readdirSync(from)) {
        copyFileSync(join(from, name), join(folder, part, name));
      }
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const path = join(folder, 'shm', `${file}.js`);
    const parts = readFileSync(path, 'utf8').split(from);
    assert.equal(parts.length, 2, `${JSON.stringify(from)} is not there once in ${file}`);
    writeFileSync(path, parts.join(to));
    return (await import(pathToFileURL(join(folder, 'shm/index.js')).href)) as SharedMemory;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What a model makes of some code. */
export type Scenario = (code: SharedMemory) => Exploration;

/** A test for each mistake: its scenario must find something. */
export function testMistakes(mistakes: Readonly<Record<string, Mistake & { readonly scenario: Scenario }>>): void {
  for (const [title, { scenario, ...mistake }] of Object.entries(mistakes)) {
    test(`the model finds it when ${title}`, async () => {
      assert.notEqual(scenario(await withMistake(mistake)).problem, undefined);
    });
  }
}
