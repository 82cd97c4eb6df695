/**
 * `bgworker events`: how each worker is, and with `--follow` every start and death from then on, until the postmaster
 * ends. The subscription begins before the present state is asked for, and the sequence of an event says whether it has
 * been shown: so there is no gap between the two, and nothing comes twice.
 */
import { Command } from 'commander';
import type { Client, WorkerEvent } from '../../client/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonLinesOption, withClient } from '../attached.js';
import { EventLines } from '../eventLines.js';
import { printLine } from '../standardOutput.js';

export function eventsCommand(): Command {
  return new Command('events')
    .description('show how each worker is; with -f, what follows')
    .option('-f, --follow', 'go on with what happens, until the postmaster ends')
    .addOption(directoryOption())
    .addOption(jsonLinesOption())
    .action((options: EventsOptions) => withClient(options, (client) => events(client, options)));
}

interface EventsOptions extends AttachOptions {
  readonly follow?: boolean;
}

async function events(client: Client, { follow, json }: EventsOptions): Promise<number> {
  const print = json === true ? printJson : printForPeople();
  const following = follow === true ? client.subscribe() : null;
  const shown = new Map<string, number>();
  const rows = await client.activity();
  for (const event of await Promise.all(rows.map(({ handle }) => presentState(client, handle)))) {
    shown.set(event.handle, event.sequence);
    await print(event);
  }
  if (rows.length === 0 && json !== true) await printLine('no background workers');
  if (following === null) return 0;
  for await (const event of following) {
    const { handle, sequence, final } = event;
    if (sequence > (shown.get(handle) ?? 0)) await print(event);
    if (final) shown.delete(handle);
    else shown.set(handle, Math.max(sequence, shown.get(handle) ?? 0));
  }
  process.stderr.write('bgworker: the postmaster was shut down\n');
  return 0;
}

/** The first event of a handle is its present state. */
async function presentState(client: Client, handle: string): Promise<WorkerEvent> {
  const events = (await client.handle(handle)).events();
  const { value } = await events.next();
  await events.return?.();
  return value as WorkerEvent;
}

function printJson(event: WorkerEvent): Promise<void> {
  return printLine(JSON.stringify(event));
}

function printForPeople(): (event: WorkerEvent) => Promise<void> {
  const lines = new EventLines();
  return async (event) => {
    for (const line of lines.of(event)) await printLine(line);
  };
}
