/**
 * `node bench/research/fork.js [--times 10] [--dofork] [--busy-parent] [node flags …]`: what still works in a child that
 * a running Node made of itself with fork(2), and what hangs, with counts. docs/research-fork.md tells what it means.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./fork-child.js', import.meta.url));
/** A thousand times what any of it takes where it works. */
const PATIENCE_MS = 3_000;

const args = process.argv.slice(2);
const at = args.indexOf('--times');
const times = at === -1 ? 10 : Number(args.splice(at, 2)[1]);
const childArgs = args.filter((arg) => arg === '--dofork' || arg === '--busy-parent');
const flags = args.filter((arg) => !childArgs.includes(arg));

const things = JSON.parse((await attempt('')).text);
for (const thing of things) {
  const counts = new Map();
  const forkMs = [];
  for (let n = 0; n < times; n += 1) {
    const { text, signal, hung } = await attempt(thing);
    const said = text === '' ? undefined : JSON.parse(text);
    const word = hung ? 'hung' : (said?.word ?? `died (${signal ?? 'without a word'})`);
    counts.set(word, (counts.get(word) ?? 0) + 1);
    if (said !== undefined) forkMs.push(said.forkMs);
  }
  const tally = [...counts].map(([word, count]) => `${word} ${count}`).join(', ');
  const median = forkMs.sort((one, other) => one - other)[forkMs.length >> 1];
  process.stdout.write(
    `${thing.padEnd(22)} ${tally}${median === undefined ? '' : `  (fork ${median.toFixed(2)} ms)`}\n`,
  );
}

async function attempt(thing) {
  const child = spawn(process.execPath, ['--expose-gc', ...flags, CHILD, thing, ...childArgs], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  });
  let text = '';
  let hung = false;
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  // The fork is in the same process group.
  const timer = setTimeout(() => {
    hung = true;
    process.kill(-child.pid, 'SIGKILL');
  }, PATIENCE_MS);
  const [, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { text: text.trim(), signal, hung };
}
