/**
 * What the tests of pools begin with: a file that a call writes its process into when it runs, and what became of a call.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilAsked } from '../process/support/patience.js';

/** Where calls leave word. */
export class Traces {
  readonly #directory = mkdtempSync(join(tmpdir(), 'bgworker-pool-'));
  #files = 0;

  file(): string {
    return join(this.#directory, String(this.#files++));
  }

  /** When there is something in it. */
  async read(file: string): Promise<string> {
    await untilAsked(async () => existsSync(file) && readFileSync(file, 'utf8') !== '', `something is in ${file}`);
    return readFileSync(file, 'utf8').trim();
  }

  /** A call that runs on has its process there. */
  async pid(file: string): Promise<number> {
    return Number(await this.read(file));
  }

  write(file: string): void {
    writeFileSync(file, 'x');
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

export interface Outcome {
  readonly value?: unknown;
  readonly code?: unknown;
  readonly name?: string;
  readonly kind?: string;
}

/** What became of it, as far as tests compare it. */
export async function outcomeOf(call: Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await call };
  } catch (error) {
    const { name, code, reason } = error as Error & { code?: unknown; reason?: { kind: string } };
    return { name, code, ...(reason !== undefined && { kind: reason.kind }) };
  }
}
