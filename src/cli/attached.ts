/**
 * What commands that talk to a running postmaster have in common: how it is named, and a client for as long as the
 * command takes. The action's number becomes the exit code; what it throws is told by main.ts.
 */
import { Option } from 'commander';
import type { Client } from '../client/index.js';
import { connect } from '../client/index.js';
import { EXIT_UNAVAILABLE } from './exitCodes.js';

export interface AttachOptions {
  readonly directory?: string;
  readonly json?: boolean;
  readonly purpose?: 'shutdown';
}

export function directoryOption(): Option {
  return new Option(
    '--directory <path>',
    "the postmaster's; default: BGWORKER_DIR, else that of the project, else that of the user",
  );
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON object');
}

export function jsonLinesOption(): Option {
  return new Option('--json', 'print one JSON object a line');
}

/** Gives the exit code. */
export function tellPostmasterDied(what: string): number {
  process.stderr.write(`bgworker: the postmaster died, and ${what} with it\n`);
  process.stderr.write('  hint: bgworker logs shows the last that a daemon wrote\n');
  return EXIT_UNAVAILABLE;
}

/** The highest exit code, when all have come to their end: while one goes on, its client is needed. */
export async function highestOf(codes: readonly Promise<number>[]): Promise<number> {
  await Promise.allSettled(codes);
  return Math.max(...(await Promise.all(codes)));
}

export async function withClient(
  { directory, purpose }: AttachOptions,
  use: (client: Client) => Promise<number>,
): Promise<void> {
  const client = await connect({ directory, purpose });
  try {
    process.exitCode = await use(client);
  } finally {
    await client.close();
  }
}
