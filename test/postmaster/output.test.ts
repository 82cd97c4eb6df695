/** A worker's output: the kept end, the four ways of passing it on, budget and back-pressure, and when all has been read. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterEach, test } from 'node:test';
import type { OutputPart } from '../../src/postmaster/keptEnd.js';
import type { Forwarding } from '../../src/postmaster/output.js';
import { readToQuiet, WorkerOutput } from '../../src/postmaster/output.js';

const started: ChildProcess[] = [];

afterEach(() => {
  for (const child of started.splice(0)) {
    try {
      // The whole group: some of them leave a grandchild behind on purpose.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone, as it should be.
    }
  }
});

function start(command: string, forwarding: Forwarding, budgetBytes?: number) {
  const child = spawn('/bin/sh', ['-c', command], { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  const { stdout, stderr } = child;
  const output = new WorkerOutput({
    stdout,
    stderr,
    forwarding,
    ...(budgetBytes === undefined ? {} : { budgetBytes }),
  });
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return { child, output, exit };
}

/** Output of two streams in the test's hands. */
function fed(forwarding: Forwarding = { output: 'ignore' }) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = new WorkerOutput({ stdout, stderr, forwarding });
  const print = async (stream: 'stdout' | 'stderr', bytes: string | Uint8Array): Promise<void> => {
    (stream === 'stdout' ? stdout : stderr).write(bytes);
    await nextTurn();
  };
  return { output, print, stdout, stderr };
}

function nextTurn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

class Collector extends Writable {
  text = '';
  sizeBytes = 0;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sizeBytes += chunk.length;
    if (this.sizeBytes < 100_000) this.text += chunk.toString();
    done();
  }
}

/** Takes one chunk and is full until `open()`. */
class Gate extends Writable {
  sizeBytes = 0;
  #waiting: (() => void) | undefined;
  #isOpen = false;

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.sizeBytes += chunk.length;
    if (this.#isOpen) done();
    else this.#waiting = done;
  }

  open(): void {
    this.#isOpen = true;
    this.#waiting?.();
  }
}

function textOf(parts: readonly OutputPart[], stream?: 'stdout' | 'stderr'): string {
  return parts
    .filter((part) => stream === undefined || part.stream === stream)
    .map(({ text }) => text)
    .join('');
}

function collectors() {
  const [stdout, stderr] = [new Collector(), new Collector()];
  return { stdout, stderr };
}

test('what is kept stands in the order of arrival, neighbours of one stream together', async () => {
  const { output, print } = fed();
  assert.deepEqual(output.tail(), []);
  await print('stdout', 'one ');
  await print('stdout', 'two ');
  await print('stderr', 'oh ');
  await print('stdout', 'three');

  assert.deepEqual(output.tail(), [
    { stream: 'stdout', text: 'one two ' },
    { stream: 'stderr', text: 'oh ' },
    { stream: 'stdout', text: 'three' },
  ]);
});

test('the last 8 KiB of both streams together are kept, whatever the sizes they came in', async () => {
  for (const [size, period] of [
    [1, 3],
    [7, 3],
    [100, 2],
    [1000, 3],
    [8191, 0],
    [8192, 0],
    [8193, 0],
    [20_000, 0],
  ] as const) {
    const { output, print } = fed();
    let all = '';
    for (let index = 0; all.length < 20_000; index += 1) {
      const text = String.fromCharCode(97 + (index % 26)).repeat(size);
      all += text;
      await print(period > 0 && index % period === 0 ? 'stderr' : 'stdout', text);
    }
    // Not `equal`: it would print all of it.
    assert(textOf(output.tail()) === all.slice(-8192), `in pieces of ${size}`);
  }
});

test('a flood on one stream leaves the last 2 KiB of the other', async () => {
  const { output, print } = fed();
  await print('stderr', `${'e'.repeat(5000)}the last cry`);
  for (let index = 0; index < 10; index += 1) await print('stdout', 'o'.repeat(50_000));

  const parts = output.tail();
  assert.deepEqual(
    parts.map(({ stream, text }) => [stream, text.length]),
    [
      ['stderr', 2048],
      ['stdout', 6144],
    ],
  );
  assert(parts[0]?.text.endsWith('the last cry'));
});

test('the kept end begins with a whole character, and characters cut by chunks and by the other stream are whole', async () => {
  const { output, print } = fed();
  const snowmen = Buffer.from('☃'.repeat(3000));
  await print('stdout', snowmen.subarray(0, 4001));
  await print('stderr', 'x');
  await print('stdout', snowmen.subarray(4001));

  assert.equal(textOf(output.tail()).replace('x', ''), '☃'.repeat(Math.floor((8192 - 1) / 3)));
  assert(!textOf(output.tail()).includes('\u{fffd}'));
});

test('raw passes bytes on as they are, each stream to its own sink', async () => {
  const sinks = collectors();
  const { output, exit } = start('printf "a\\nb"; printf "c\\n" >&2', { output: 'raw', ...sinks });
  await exit;
  await output.drained();

  assert.deepEqual([sinks.stdout.text, sinks.stderr.text], ['a\nb', 'c\n']);
});

test('inherit puts the name before each line on a terminal, and passes bytes on elsewhere', async () => {
  const sinks = collectors();
  Object.assign(sinks.stdout, { isTTY: true });
  const { output, print } = fed({ output: 'inherit', name: 'prune', ...sinks });
  await print('stdout', 'one\ntw');
  assert.equal(sinks.stdout.text, 'prune | one\n');
  await print('stderr', 'oh');
  await print('stdout', 'o\n\nthree');
  await output.drained();

  assert.deepEqual(
    [sinks.stdout.text, sinks.stderr.text],
    ['prune | one\nprune | two\nprune | \nprune | three\n', 'oh'],
  );
});

test('log gives whole lines without their ends; the last one and overlong ones too', async () => {
  const lines: string[] = [];
  const { output, print } = fed({ output: 'log', onLine: (stream, line) => lines.push(`${stream}:${line}`) });
  const heart = Buffer.from('♥');
  await print('stdout', 'one\r\ntwo\nthr');
  await print('stderr', 'oh\n');
  await print('stdout', heart.subarray(0, 1));
  await print('stdout', heart.subarray(1));
  assert.deepEqual(lines, ['stdout:one', 'stdout:two', 'stderr:oh']);
  await output.drained();
  assert.deepEqual(lines.splice(0), ['stdout:one', 'stdout:two', 'stderr:oh', 'stdout:thr♥']);

  await print('stdout', `${'x'.repeat(70_000)}\n`);
  await print('stdout', 'y'.repeat(70_000));
  assert.deepEqual(
    lines.map((line) => line.length - 'stdout:'.length),
    [70_000, 65_536],
  );
});

test('a loud worker is read up to the budget in one turn', async () => {
  const sinks = collectors();
  const { child, output } = start('exec cat /dev/zero', { output: 'raw', ...sinks }, 100_000);
  await once(child.stdout, 'data');
  let largest = 0;
  while (sinks.stdout.sizeBytes < 2_000_000) {
    const before = sinks.stdout.sizeBytes;
    await nextTurn();
    largest = Math.max(largest, sinks.stdout.sizeBytes - before);
  }
  output.close();

  // The chunk that exceeds it is the last one, but for one that was already on its way.
  assert(largest <= 100_000 + 2 * 65_536, `${largest} in one turn`);
});

test('while the sink is full the worker is not read, and is again when it drains; many share a sink without a warning', async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error): unknown => warnings.push(warning);
  process.on('warning', warned);
  const gate = new Gate();
  const workers = Array.from({ length: 20 }, () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const output = new WorkerOutput({ stdout, stderr, forwarding: { output: 'raw', stdout: gate, stderr: gate } });
    stdout.write('x');
    return { stdout, output };
  });
  await nextTurn();
  for (const { stdout } of workers) assert(stdout.isPaused());
  for (const { stdout } of workers) stdout.write('y');
  await nextTurn();
  for (const { output } of workers) assert.equal(textOf(output.tail()), 'x');

  const drained = once(gate, 'drain');
  gate.open();
  await drained;
  await nextTurn();

  for (const { output } of workers) assert.equal(textOf(output.tail()), 'xy');
  process.off('warning', warned);
  assert.deepEqual(warnings, []);
});

test('a sink that is gone blocks nobody', async () => {
  const gate = new Gate();
  const { output, print, stdout } = fed({ output: 'raw', stdout: gate, stderr: gate });
  await print('stdout', 'one');
  assert(stdout.isPaused());

  gate.destroy();
  await nextTurn();
  await print('stdout', 'two');

  assert.equal(textOf(output.tail()), 'onetwo');
});

test('what a dead worker left is read to the end although the sink is full', async () => {
  const gate = new Gate();
  // More than one reading, and less than the kernel holds however small the pieces: else it would wait in its write.
  const { output, exit } = start('head -c 80000 /dev/zero; echo END; echo END >&2; kill -KILL $$', {
    output: 'raw',
    stdout: gate,
    stderr: gate,
  });
  assert.deepEqual(await exit, [null, 'SIGKILL']);
  await output.drained();

  assert(textOf(output.tail(), 'stdout').endsWith('END\n'));
  assert.equal(textOf(output.tail(), 'stderr'), 'END\n');
  gate.open();
  await nextTurn();
  assert.equal(gate.sizeBytes, 80_008);
});

test('nothing is lost of what workers of all sizes printed before they exited or were killed', async () => {
  const endings = ['exit 0', 'exit 3', 'kill -KILL $$', 'kill -SEGV $$', 'sleep 60 & kill -KILL $$'];
  const sizes = [0, 1, 4096, 65_536, 65_537, 200_000, 1_000_000];
  const one = async (index: number): Promise<void> => {
    const [ending, out, error] = [endings[index % 5], sizes[index % 7] ?? 0, sizes[(index >> 1) % 7] ?? 0];
    const sinks = collectors();
    const { output, exit } = start(
      `head -c ${error} /dev/zero >&2; head -c ${out} /dev/zero; echo END >&2; echo END; ${ending}`,
      { output: 'raw', ...sinks },
    );
    await exit;
    await output.drained();
    assert.deepEqual(
      [sinks.stdout.sizeBytes, sinks.stderr.sizeBytes],
      [out + 4, error + 4],
      `${ending} ${out} ${error}`,
    );
    for (const stream of ['stdout', 'stderr'] as const) assert(textOf(output.tail(), stream).endsWith('END\n'));
    output.close();
  };
  for (let index = 0; index < 105; index += 7) {
    await Promise.all(Array.from({ length: 7 }, (_, offset) => one(index + offset)));
  }
});

test('a grandchild that holds the streams, silent or printing without end, does not delay it', async () => {
  for (const grandchild of ['sleep 60', 'while :; do echo noise; done', 'cat /dev/zero', 'cat /dev/zero >&2']) {
    const { output, exit } = start(`printf MARK; (${grandchild}) & kill -KILL $$`, { output: 'ignore' });
    await exit;
    const exitedAt = performance.now();
    await output.drained();

    assert(performance.now() - exitedAt < 500, `${grandchild}: ${performance.now() - exitedAt} ms`);
    if (grandchild === 'sleep 60') assert.deepEqual(output.tail(), [{ stream: 'stdout', text: 'MARK' }]);
    output.close();
    output.close();
  }
});

test('drained is answered for streams that have ended, and as often as it is asked', async () => {
  const { output, exit, child } = start('echo done', { output: 'ignore' });
  const closed = once(child, 'close');
  await exit;
  await Promise.all([output.drained(), output.drained()]);
  await closed;
  await output.drained();

  assert.equal(textOf(output.tail()), 'done\n');
});

test('reading to quiet waits for what comes in later turns, counts no pause as quiet, and leaves no listener', async () => {
  const coming = ['4', '3', '2', '1', '0'];
  const source = new Readable({
    read() {
      setImmediate(() => setImmediate(() => this.push(coming.shift() ?? '')));
    },
  });
  let text = '';
  source.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    source.pause();
    setImmediate(() => setImmediate(() => setImmediate(() => setImmediate(() => source.resume()))));
  });
  const before = ['data', 'end', 'close'].map((event) => source.listenerCount(event));

  await readToQuiet(source);

  assert.equal(text, '43210');
  assert.deepEqual(
    ['data', 'end', 'close'].map((event) => source.listenerCount(event)),
    before,
  );
  source.destroy();
  await readToQuiet(source);
});
