/**
 * `bgworker status`: is a postmaster there, and how is it? Exits with 0 when it accepts workers, with 69 when there is
 * none: a probe needs nothing else.
 */
import { Command } from 'commander';
import type { PostmasterStatus, Spares } from '../../client/index.js';
import type { AttachOptions } from '../attached.js';
import { directoryOption, jsonOption, withClient } from '../attached.js';
import { EXIT_UNAVAILABLE } from '../exitCodes.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('say whether a postmaster runs, and how it is')
    .addOption(directoryOption())
    .addOption(jsonOption())
    .action(status);
}

function status(options: AttachOptions): Promise<void> {
  return withClient(options, async (client) => {
    const [facts, spares] = await Promise.all([client.postmasterStatus(), client.spares()]);
    if (options.json === true) process.stdout.write(`${JSON.stringify({ ...facts, spares })}\n`);
    else process.stdout.write(`${linesOf(facts, spares).join('\n')}\n`);
    return facts.state === 'running' ? 0 : EXIT_UNAVAILABLE;
  });
}

const STATES: { readonly [state in PostmasterStatus['state']]: string } = {
  running: 'running',
  waitingForClients: 'shutting down when its last client has left',
  stopping: 'shutting down',
};

function linesOf(facts: PostmasterStatus, { idle, booting, wanted }: Spares): readonly string[] {
  const { slots, classes, waiting, clients, segments, startedAt, reloadedAt } = facts;
  const used = Object.entries(classes).filter((entry) => entry[1].used > 0);
  const ofThem = used.map(([name, { used: count, max }]) => `; ${name} ${count} of ${max}`).join('');
  const queue = waiting === 0 ? '' : `; ${waiting} wait for a slot`;
  const rows: readonly (readonly [string, string | null])[] = [
    [
      'state',
      `${STATES[facts.state] ?? facts.state}, since ${startedAt.toISOString()} (${inWords(Date.now() - startedAt.getTime())})`,
    ],
    ['process', `${facts.pid}, Node ${facts.node}, bgworker ${facts.version}`],
    ['package', facts.path],
    ['directory', facts.directory],
    ['configuration', facts.configFile],
    ['reloaded', reloadedAt?.toISOString() ?? null],
    ['log', facts.logFile ?? 'its own standard output and error'],
    ['workers', `${slots.used} of ${slots.max} slots${ofThem}${queue}`],
    ['spares', `${idle} idle, ${booting} booting, ${wanted} wanted`],
    [
      'memory',
      `${segments.used} of ${segments.max} segments${segments.used === 0 ? '' : `, ${sizeText(segments.sizeBytes)}`}`,
    ],
    // This command is one of them.
    ['clients', String(clients - 1)],
  ];
  const told = rows.filter((row): row is readonly [string, string] => row[1] !== null);
  const width = Math.max(...told.map(([name]) => name.length));
  return told.map(([name, text]) => `${name.padEnd(width)}  ${text}`);
}

/** `12.0 MiB`. */
function sizeText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${step === 0 ? bytes : (bytes / 1024 ** step).toFixed(1)} ${units[step]}`;
}

/** `3 d 4 h`: the two largest units. */
function inWords(ms: number): string {
  const units = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ] as const;
  let rest = Math.max(0, ms);
  const parts = units.flatMap(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.length === 0 ? 'just now' : parts.slice(0, 2).join(' ');
}
