/**
 * What was measured, as a line of JSON, as a table on a terminal, and as a section of results.md.
 *
 * All three say the same: both sides with their spread, the goals with how far we are from them, and what the machine
 * itself would allow. results.md has a section for each major version of Node, and a run replaces its own.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMet } from './figure.js';

const RESULTS = fileURLToPath(new URL('./results.md', import.meta.url));

/** The outcome of a figure with what was judged of it. `ok` is null where nothing could be measured. */
export function record({ id, title }, outcome) {
  const { value = null, unit = null, ratios = {}, goals = [], sides = [], limit = null, notes = [] } = outcome;
  const judged = goals.map((goal) => ({ ...goal, ok: isMet(goal) }));
  const ok = value === null ? null : judged.every((goal) => goal.ok);
  return { id, title, value, unit, ratios, goals: judged, sides, limit, notes, ok, ...excuse(outcome) };
}

function excuse({ notMeasured, error }) {
  if (error !== undefined) return { error: error.message, ok: false };
  return notMeasured === undefined ? {} : { notMeasured };
}

export function asLine({ id, value, unit, ratios, goals, ok, sides, limit, notes, load, error, notMeasured }) {
  const goal = Object.fromEntries(goals.map(({ what, ...rest }) => [what, rounded(rest)]));
  return JSON.stringify({
    id,
    value: short(value),
    unit,
    ratios: rounded(ratios),
    goal,
    ok,
    node: process.versions.node,
    sides: sides.map(rounded),
    limit: limit === null ? null : rounded(limit),
    notes,
    load: short(load),
    error,
    notMeasured,
  });
}

export function asTable(result) {
  const lines = [...sideLines(result), ...goalLines(result), ...limitLines(result)];
  return lines.map((line) => `   ${line}\n`).join('');
}

function sideLines({ sides }) {
  const rows = sides.map(({ name, unit, median, low, high, rounds }) => [
    name,
    `${number(median)} ${unit}`,
    `${number(low)} to ${number(high)}`,
    `${rounds}`,
  ]);
  if (rows.length === 0) return [];
  return aligned([['', 'median', 'quartiles', 'rounds'], ...rows]);
}

function goalLines({ goals, notMeasured, error }) {
  if (error !== undefined) return [`FAILED: ${error}`];
  if (notMeasured !== undefined) return [`not measured: ${notMeasured}`];
  return aligned(goals.map((goal) => [goal.ok ? 'met' : 'MISSED', goal.what, number(goal.is), wanted(goal)]));
}

function wanted({ atMost, atLeast }) {
  return atMost === undefined ? `at least ${number(atLeast)}` : `at most ${number(atMost)}`;
}

function limitLines({ value, unit, limit, notes, load }) {
  const distance = limit === null ? [] : [`limit: ${limitText(value, unit, limit)}`];
  return [...distance, ...notes.map((note) => `note: ${note}`), ...busyNotes(load).map((note) => `note: ${note}`)];
}

/** What runs beside a figure is in it. Ours and theirs alike, but a rate by the clock is lower by it. */
function busyNotes(load) {
  const processors = availableParallelism();
  if (load <= processors + 1) return [];
  return [`The machine was busy: a load of ${number(load)} on ${processors} processors in this minute.`];
}

function limitText(value, unit, { what, value: bound }) {
  return `${what}: ${number(bound)} ${unit}; we are at ${number(value / bound)} times that`;
}

/** First and second column to the left, numbers to the right. */
function aligned(rows) {
  const widths = rows.reduce((found, row) => row.map((cell, n) => Math.max(found[n] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n])))
      .join('  ')
      .trimEnd(),
  );
}

/** Gives the path. */
export async function writeResults(records) {
  const major = process.versions.node.split('.')[0];
  const sections = new Map(readSections());
  sections.set(major, section(records));
  const ordered = [...sections].sort(([one], [other]) => Number(one) - Number(other));
  writeFileSync(RESULTS, [HEADER, ...ordered.map(([, text]) => text)].join('\n'));
  return RESULTS;
}

const HEADER = `# Measured

Written by \`npm run bench\`, and by \`npm run bench -- --node <path>\` for another Node; each run replaces its own section.
The sides of a figure have their turns one after the other, the first round is thrown away, and what stands here is
the median with the quartiles. Answers are checked: a wrong one is a failure and no figure.
`;

function readSections() {
  if (!existsSync(RESULTS)) return [];
  const parts = readFileSync(RESULTS, 'utf8').split(/^(?=## Node )/m);
  return parts.flatMap((text) => {
    const major = /^## Node (\d+)\./.exec(text)?.[1];
    return major === undefined ? [] : [[major, text]];
  });
}

function section(records) {
  const [{ model } = { model: 'unknown' }] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const machine = `${cpus().length} × ${model.trim()}, ${memory}, Linux ${release()}`;
  const lines = [`## Node ${process.versions.node}`, '', `${new Date().toISOString().slice(0, 16)}Z, ${machine}`, ''];
  for (const result of records) lines.push(...figureSection(result), '');
  return lines.join('\n');
}

function figureSection(result) {
  const { id, title, goals, sides, value, unit, limit, notes, load, error, notMeasured } = result;
  const lines = [`### ${id}: ${title}`, ''];
  if (error !== undefined) return [...lines, `Failed: ${error}`];
  if (notMeasured !== undefined) return [...lines, `Not measured: ${notMeasured}.`];
  lines.push('| side | median | quartiles | rounds |', '|---|---:|---:|---:|');
  for (const { name, unit: its, median, low, high, rounds } of sides) {
    lines.push(`| ${name} | ${number(median)} ${its} | ${number(low)} to ${number(high)} | ${rounds} |`);
  }
  lines.push('', '| goal | wanted | is | |', '|---|---:|---:|---|');
  for (const goal of goals) {
    lines.push(`| ${goal.what} | ${wanted(goal)} | ${number(goal.is)} | ${goal.ok ? 'met' : '**missed**'} |`);
  }
  const said = [...(limit === null ? [] : [`Limit: ${limitText(value, unit, limit)}.`]), ...notes, ...busyNotes(load)];
  return said.length === 0 ? lines : [...lines, '', ...said.map((text) => `- ${text}`)];
}

function number(value) {
  if (value === null || !Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Four digits are more than these machines can tell apart. */
function short(value) {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

function rounded(fields) {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, short(value)]));
}
