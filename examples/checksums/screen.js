/**
 * What one sees: on a terminal a line for each worker, kept up to date in its place, below what was said; elsewhere a
 * line when a worker is done, and nothing that moves.
 */
const EVERY_MS = 100;
const BAR = 30;

export class Screen {
  #out;
  #workers = new Map();
  #drawn = 0;
  #timer;

  constructor(out) {
    this.#out = out;
    // Whoever reads may have had enough (head -2): the work goes on, unseen.
    out.on('error', () => {});
  }

  say(text) {
    this.#clear();
    this.#out.write(`${this.#out.isTTY ? wrap(text, this.#out.columns) : text}\n`);
    this.#draw();
  }

  /** `look` gives the process, its phase, and how far it is. */
  follow(name, look) {
    this.#workers.set(name, { look, isDone: false });
    if (!this.#out.isTTY) return;
    this.#timer ??= setInterval(() => this.#draw(), EVERY_MS);
    this.#draw();
  }

  done(name) {
    const worker = this.#workers.get(name);
    worker.isDone = true;
    if (this.#out.isTTY) return this.#draw();
    const { pid, files, bytes } = worker.look();
    this.#out.write(`${name} (process ${pid}) is done: ${files} files, ${megabytes(bytes)} MB\n`);
  }

  /** What stands there stays. */
  close() {
    this.#draw();
    clearInterval(this.#timer);
    this.#workers.clear();
    this.#drawn = 0;
  }

  #draw() {
    if (!this.#out.isTTY) return;
    const { rows = 24, columns = 80 } = this.#out;
    const lines = [...this.#workers].map(([name, worker]) => lineOf(name, worker));
    const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `… and ${lines.length - rows + 2} more`];
    this.#clear();
    for (const line of shown) this.#out.write(`${line.slice(0, columns - 1)}\n`);
    this.#drawn = shown.length;
  }

  #clear() {
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}A\u001b[J`);
    this.#drawn = 0;
  }
}

function lineOf(name, { look, isDone }) {
  const { pid, phase, progress, bytes } = look();
  if (pid === null || (phase === 'forked' && !isDone)) return `${name.padEnd(8)} is starting`;
  const done = isDone ? bytes : (progress?.done ?? 0);
  const filled = bytes === 0 ? BAR : Math.min(BAR, Math.floor((BAR * done) / bytes));
  const bar = '#'.repeat(filled) + '.'.repeat(BAR - filled);
  return `${name.padEnd(8)} process ${String(pid).padEnd(7)} [${bar}] ${megabytes(done)}/${megabytes(bytes)} MB${isDone ? ' done' : ''}`;
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/** Breaks lines between words; those that continue one are indented. */
function wrap(text, columns = 80) {
  return text
    .split('\n')
    .flatMap((line) => {
      const lines = [''];
      for (const word of line.split(' ')) {
        const last = lines.at(-1);
        if (last !== '' && last.length + 1 + word.length >= columns) lines.push(`  ${word}`);
        else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
      }
      return lines;
    })
    .join('\n');
}
