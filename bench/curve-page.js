/**
 * The page of the curve: what was measured, as tables, with the text that explains them. The text is the same for every
 * run and says nothing that a run could make untrue; numbers stand only where they are computed. It imports nothing that
 * has to be installed, so a test can write the page anew from curve.json.
 */
import { CONTENDERS, lengthOf, ofManyItems } from './curve-picture.js';

/** From here on the workers are worth their processors. */
const WORTH_IT = 1.2;

export function curvePage(measured) {
  const curve = { ...measured, cells: ofManyItems(measured.cells) };
  const counts = [...new Set(curve.cells.map(({ workers }) => workers))].filter((workers) => workers > 0);
  return [
    HEADER,
    '![How many times as fast as a loop, by how long an item takes](images/parallel-speedup.svg)',
    '## How long an item must be',
    `The shortest items, of those measured, with which it was at least ${WORTH_IT} times as fast as a loop:`,
    table(
      ['', ...counts.map(workersText)],
      CONTENDERS.map(([side, name]) => [name, ...worthIt(curve, side, counts)]),
    ),
    CHOOSING,
    '## What was measured',
    'How many times as fast as a plain loop in one process: medians, each round beside its own loop.',
    ...counts.flatMap((workers) => [`### ${workersText(workers)}`, speedUps(curve, workers)]),
    '### No workers',
    NO_WORKERS,
    table(['', ...lengthsOf(curve).map(lengthOf)], [['bgworker, parallelMap', ...row(curve, 'parallelMap', 0)]]),
    '## What a call costs',
    COSTS,
    table(
      ['', 'microseconds for each of many', 'milliseconds for a single one'],
      CONTENDERS.map(([side, name]) => [name, costOfItem(curve, side), msOfSingle(measured, side)]),
    ),
    '## How it was measured',
    method(curve),
    LIMITS,
  ]
    .join('\n\n')
    .concat('\n');
}

const HEADER = `# Parallel work: the curve

How much faster a function over many items becomes with processes of its own, and from how long an item on. Written by
\`npm run bench:curve\`, which measures all of it in one run; the tables are what that run found.`;

const CHOOSING = `**How many workers.** Begin with none given: there are as many as processors then. More than that help only where an
item waits for something, since items that compute share the processors there are. Fewer are right where something else
on the machine needs one.

**When it does not pay.** An item whose computing takes less than its way to another process and back is faster in a loop,
whoever carries it. Give such items together: an array of a thousand of them is one item of a thousand times the length.
The same holds for items that are large and need little computing, since they are copied on their way. And a program that
needs its results once, in less time than a process takes to start, has them from a loop sooner.

**A pool or a run of its own.** \`parallelMap\` starts its workers and ends them, \`pool.map\` has them. With
[spares](spares.md) the difference is milliseconds; without, a boot of Node.`;

const NO_WORKERS = `With \`workers: 0\`, or where no slot was free, the leader does all of it. This is what that costs beside a loop:`;

const COSTS = `What a run of the shortest items took longer than its loop, for each item, with one worker, where nothing makes up for
it; and how long it takes to have the answer of a single one of them.`;

const LIMITS = `**What it does not show.** The items are two numbers and the answer is one: larger ones cost their copying, and threads
share a process, so they can hand over memory without it. Nothing waits: pools whose workers take several tasks at once do
better with tasks that do. All items of a run are equally long; nothing fails and nobody is killed. And on another machine,
with other processors, the numbers are others.`;

function method({ date, node, machine, processors, isQuick, tookSeconds, versions, ways }) {
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const kind = isQuick
    ? 'A quick run, one round each: take it for a sketch.'
    : 'Medians of five rounds, of fewer for long items.';
  const said =
    `${date}, Node ${node}; ${packages.join(', ')}. The machine: ${machine}; ${processors} processors for this process. ` +
    `${kind} It took ${tookSeconds} seconds. An item is a number of turns of a random generator that was measured to take ` +
    'so long here; each answer is compared with that of the loop. Workers are up and idle before a turn, but for ' +
    '`parallelMap`, which takes spares. The others are pools of threads, with the settings and as many tasks at once ' +
    `${isQuick ? 'as they come' : 'as were fastest with tasks that do nothing'}:`;
  return `${filled(said)}\n\n${Object.entries(ways)
    .map(([name, way]) => `- ${name}: ${way}`)
    .join('\n')}`;
}

/** In lines as long as those of the other pages. */
function filled(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= LINE) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

const LINE = 120;

function workersText(workers) {
  return workers === 1 ? '1 worker' : `${workers} workers`;
}

function lengthsOf({ cells }) {
  return [...new Set(cells.map(({ itemUs }) => itemUs))];
}

function cellsOf({ cells }, side, workers) {
  return cells.filter((cell) => cell.side === side && cell.workers === workers);
}

function worthIt(curve, side, counts) {
  return counts.map((workers) => {
    const all = cellsOf(curve, side, workers);
    // From there on, and not by chance once before.
    const from = all.findLastIndex(({ speedUp }) => speedUp < WORTH_IT) + 1;
    return from < all.length ? lengthOf(all[from].itemUs) : 'none';
  });
}

function row(curve, side, workers) {
  return cellsOf(curve, side, workers).map(({ speedUp }) => ratio(speedUp));
}

function speedUps(curve, workers) {
  const rows = CONTENDERS.map(([side, name]) => [name, ...row(curve, side, workers)]);
  return table(['', ...lengthsOf(curve).map(lengthOf)], rows);
}

function costOfItem(curve, side) {
  const [{ ms, loopMs, items }] = cellsOf(curve, side, 1);
  return ((1_000 * (ms - loopMs)) / items).toFixed(1);
}

function msOfSingle({ cells }, side) {
  return cells.find((cell) => cell.side === side && cell.workers === 1 && cell.items === 1).ms.toFixed(2);
}

function ratio(value) {
  return value >= 10 ? value.toFixed(1) : value.toFixed(value >= 0.1 ? 2 : 3);
}

function table(head, rows) {
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
    .replaceAll('|  |', '| |');
}
