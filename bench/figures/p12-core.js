/**
 * P12: how many transitions a second the core makes. The program is the simulation's own, which compares nothing; here
 * it is run and its lines are read, so that this figure is found where all others are.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('../../dist/test/simulation/speed.js', import.meta.url));
/** Prints at the end how much of a processor it had. */
const SHARE = new URL('../programs/processor-share.js', import.meta.url).href;
const LINE = /^([\d,]+) slots, (.+): ([\d,]+)\/s \(best ([\d,]+)\/s\)$/gm;
const ROWS = 4;

/** @type {import('../figure.js').Figure} */
export default {
  id: 'P12',
  title: 'transitions of the core a second',
  // The program has its own.
  rounds: 9,
  async measure() {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', SHARE, PROGRAM]);
    const share = Number(/^share of a processor: ([\d.]+)$/m.exec(stderr)?.[1]);
    if (!(share > 0)) throw new Error(`the program got ${stderr}`);
    const rows = [...stdout.matchAll(LINE)].map(([, slots, where, median, best]) => ({
      slots: count(slots),
      where,
      median: count(median) / share,
      best: count(best) / share,
    }));
    if (rows.length !== ROWS) throw new Error(`the program says:\n${stdout}`);
    const slowest = (slots) => Math.min(...rows.filter((row) => row.slots === slots).map((row) => row.median));
    const value = slowest(1_000);
    return {
      value,
      unit: '/s',
      goals: [
        { what: 'transitions a second by the clock, 1,000 slots', is: value * share, atLeast: 300_000 },
        { what: 'times that at 10,000 slots', is: slowest(10_000) / value, atLeast: 0.7 },
      ],
      sides: rows.map(({ slots, where, median, best }) => ({
        name: `${slots.toLocaleString('en-US')} slots, ${where}`,
        unit: '/s',
        median,
        low: median,
        high: best,
        rounds: 8,
      })),
      notes: [
        `By second of a processor: the program had ${Math.round(share * 100)} % of one, by the clock it is as much less.`,
        'The invariants of touched slots are on. Here the last of the two numbers is the best round, not a quartile.',
      ],
    };
  },
};

function count(text) {
  return Number(text.replaceAll(',', ''));
}
