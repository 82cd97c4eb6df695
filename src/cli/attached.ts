/**
 * What commands that talk to a running postmaster have in common: how it is named, and a client for as long as the
 * command takes. The action's number becomes the exit code; what it throws is told by main.ts.
 */
import { Option } from 'commander';
import type { Client } from '../client/index.js';
import { connect } from '../client/index.js';

export interface AttachOptions {
  readonly directory?: string;
  readonly json?: boolean;
  readonly purpose?: 'shutdown';
}

export function directoryOption(): Option {
  return new Option(
    '--directory <path>',
    'the directory of the postmaster; default: BGWORKER_DIR, else .bgworker beside the nearest bgworker.config.*, else ' +
      'the one of this user',
  );
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON object');
}

export function jsonLinesOption(): Option {
  return new Option('--json', 'print one JSON object a line');
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
