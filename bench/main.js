/**
 * Measures the figures and says what they are: a table for people, with --json one line a figure for programs, and,
 * when all of them are measured, a section in results.md for this version of Node.
 *
 *   --only P1,P4   these and no others; then results.md stays as it is
 *   --rounds N     how often each side has its turn (at least 5)
 *   --json         {"id","value","unit","ratios","goal","ok",…}, one line a figure
 *   --strict       a goal that is missed, or a figure that cannot be measured here, is a failure too
 *   --list         what there is
 *
 * Exit: 0 measured, 1 a wrong answer (or --strict), 2 wrong usage. A missed goal alone is a result like any other.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asLine, asTable, record, writeResults } from './report.js';

const FEWEST_ROUNDS = 5;

const options = readOptions();
const figures = await loadFigures();
if (options.list) {
  for (const { id, title } of figures) process.stdout.write(`${id.padEnd(4)} ${title}\n`);
  process.exit(0);
}

// Every postmaster that starts asks those beside it whether they are alive. Ours are to be left in peace.
const ownFolder = mkdtempSync(join(tmpdir(), 'bgworker-bench-'));
process.env.TMPDIR = ownFolder;
delete process.env.XDG_RUNTIME_DIR;
process.on('exit', () => rmSync(ownFolder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

const records = [];
for (const figure of chosen(figures)) {
  if (!options.json) process.stdout.write(`\n${figure.id} ${figure.title}\n`);
  const result = { ...record(figure, await outcomeOf(figure)), load: loadavg()[0] };
  records.push(result);
  process.stdout.write(options.json ? `${asLine(result)}\n` : asTable(result));
}
if (options.only === undefined) {
  const path = await writeResults(records);
  if (!options.json) process.stdout.write(`\nwritten to ${path}\n`);
}
const hasFailed = records.some(({ error, ok }) => error !== undefined || (options.strict && ok !== true));
// Not exitCode: nothing that a figure left behind may keep us here.
process.exit(hasFailed ? 1 : 0);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'boolean', default: false },
        strict: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
      },
    });
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= FEWEST_ROUNDS)) {
      throw new Error(`--rounds wants a number from ${FEWEST_ROUNDS}: a median of fewer is chance`);
    }
    return { ...values, rounds };
  } catch (error) {
    return refuse(error.message);
  }
}

async function loadFigures() {
  const folder = new URL('./figures/', import.meta.url);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.js')).sort();
  return Promise.all(files.map(async (name) => (await import(new URL(name, folder).href)).default));
}

function chosen(all) {
  if (options.only === undefined) return all;
  const wanted = options.only.split(',').map((id) => id.trim().toUpperCase());
  const unknown = wanted.filter((id) => !all.some((figure) => figure.id === id));
  if (unknown.length > 0) refuse(`there is no figure ${unknown.join(', ')}; --list names them`);
  return all.filter(({ id }) => wanted.includes(id));
}

async function outcomeOf(figure) {
  try {
    return await figure.measure({ rounds: options.rounds ?? figure.rounds });
  } catch (error) {
    process.stderr.write(`bench: ${figure.id} failed\n${error.stack}\n`);
    return { error };
  }
}

function refuse(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}
