/**
 * Draws the pictures of docs/images: what lies where in shared memory, by the constants of the code itself. Run it after a
 * build: `node scripts/draw-layouts.mjs`. A test (test/readme/pictures.test.ts) fails when one is not what this would draw.
 *
 * Hand-written SVG, without dependencies. It has a ground of its own, and follows the reader's light or dark scheme.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BLOCK_SCAN_PARTS, BlockScan } from '../dist/src/parallel/blockScan.js';
import { SharedBarrier } from '../dist/src/shm/barrier.js';
import { barrierParts } from '../dist/src/shm/barrierParty.js';
import { ALIGNMENT } from '../dist/src/shm/chunk.js';
import { WORK_COUNTER_PARTS, WorkCounter } from '../dist/src/shm/counter.js';
import { LATCH_PARTS, SharedLatch } from '../dist/src/shm/latch.js';
import { lockParts, SharedLock } from '../dist/src/shm/lock.js';
import { MessageQueue, QUEUE_PARTS } from '../dist/src/shm/messageQueue.js';
import { bytesInRing, LENGTH_BYTES } from '../dist/src/shm/ring.js';
import { contentsParts } from '../dist/src/shm/tableOfContents.js';

const directory = fileURLToPath(new URL('../docs/images/', import.meta.url));

/** Every picture, by the name of its file. */
export function drawAll() {
  const sizes = { maxShared: 10, maxWaiters: 4 };
  const party = { parties: 3 };
  return {
    'latch.svg': drawThing('A latch', LATCH_PARTS, SharedLatch.sizeFor()),
    'message-queue.svg': drawThing('A message queue', QUEUE_PARTS),
    'lock.svg': drawThing('A lock that 10 can share and 4 can wait for', lockParts(sizes), SharedLock.sizeFor(sizes)),
    'barrier.svg': drawThing('A barrier for 3', barrierParts(party), SharedBarrier.sizeFor(party)),
    'work-counter.svg': drawThing('A work counter', WORK_COUNTER_PARTS, WorkCounter.sizeFor()),
    'block-scan.svg': drawThing('A block scan', BLOCK_SCAN_PARTS, BlockScan.sizeFor()),
    'table-of-contents.svg': drawThing('A table of contents with 2 entries', contentsParts(2)),
    'messages.svg': drawMessages(),
    'segment.svg': drawSegment(),
  };
}

const WIDTH = 760;
const LEFT = 64;
const WORD = 42;
const LINE_BYTES = 64;
const ROW = 30;
const TEXT_ROW = 20;
/** Of a letter, on average, in the widest of the fonts that it may be shown in. */
const WIDEST = 6.8;

/** A thing in shared memory: its lines of 64 bytes, each part with its number, and below what the numbers mean. */
function drawThing(title, parts, sizeBytes) {
  checkParts(title, parts, sizeBytes);
  const writers = [...new Set(parts.map(({ writtenBy }) => writtenBy))];
  const colour = ({ writtenBy }) => `c${writers.indexOf(writtenBy)}`;
  const canvas = new Canvas(title);
  canvas.text(24, 34, title, 'title');
  canvas.text(LEFT, 58, 'one line is 64 bytes, a line of the cache; one cell is a word of 4 bytes', 'small');
  let y = 70;
  const last = parts.at(-1);
  for (let start = 0; start < (sizeBytes ?? last.offsetBytes); start += LINE_BYTES) {
    canvas.text(LEFT - 10, y + 20, start, 'small end');
    canvas.box(LEFT, y, 16 * WORD, ROW, 'free');
    for (const [index, part] of parts.entries()) {
      const from = Math.max(part.offsetBytes, start);
      const to = Math.min(part.offsetBytes + (part.sizeBytes === 'rest' ? 0 : part.sizeBytes), start + LINE_BYTES);
      if (from >= to) continue;
      const x = LEFT + ((from - start) / 4) * WORD;
      const width = ((to - from) / 4) * WORD;
      canvas.box(x, y, width, ROW, colour(part));
      canvas.text(x + width / 2, y + 20, index + 1, 'middle');
    }
    y += ROW + 4;
  }
  if (last.sizeBytes === 'rest') {
    canvas.text(LEFT - 10, y + 28, last.offsetBytes, 'small end');
    canvas.torn(LEFT, y, 16 * WORD, 44, colour(last));
    canvas.text(LEFT + 8 * WORD, y + 27, `${parts.length}  ${last.name}, to the end of the chunk`, 'middle');
    y += 50;
  }
  y += 26;
  for (const [x, heading] of [
    [LEFT - 10, 'byte'],
    [LEFT + 36, 'what'],
    [LEFT + 184, 'written by'],
    [LEFT + 336, 'holds'],
  ]) {
    canvas.text(x, y, heading, heading === 'byte' ? 'small end' : 'small');
  }
  for (const [index, part] of parts.entries()) {
    y += TEXT_ROW;
    canvas.text(LEFT - 10, y, part.offsetBytes, 'small end');
    canvas.box(LEFT, y - 13, 26, 17, colour(part));
    canvas.text(LEFT + 13, y, index + 1, 'middle');
    canvas.text(LEFT + 36, y, part.name, 'strong', LEFT + 184);
    canvas.text(LEFT + 184, y, part.writtenBy, '', LEFT + 336);
    canvas.text(LEFT + 336, y, part.holds);
  }
  return canvas.end(y + 24);
}

/** What is described is all of it, in order, and nothing lies on something else. */
function checkParts(title, parts, sizeBytes = Number.POSITIVE_INFINITY) {
  let end = 0;
  for (const { name, offsetBytes, sizeBytes: bytes } of parts) {
    if (offsetBytes < end) throw new Error(`${title}: ${name} lies on the part before it`);
    end = bytes === 'rest' ? end : offsetBytes + bytes;
  }
  if (end > sizeBytes) throw new Error(`${title}: it ends at ${end} and has ${sizeBytes} bytes`);
}

/** A ring of 128 bytes in which the sender is ahead: messages, what is not yet published, and what is free. */
function drawMessages() {
  const ringBytes = 128;
  const cellBytes = 8;
  const [cell, row] = [84, 40];
  const messages = [
    { label: 'A', length: 21, kind: 'c1' },
    { label: 'B', length: 0, kind: 'c2' },
    { label: 'C', length: 13, kind: 'c1' },
    { label: 'D', length: 20, kind: 'c3', isPending: true },
  ];
  const canvas = new Canvas('Messages in a ring');
  canvas.text(24, 34, `Messages in a ring of ${ringBytes} bytes`, 'title');
  canvas.text(LEFT, 58, `one cell is ${cellBytes} bytes; the ring goes on at its beginning`, 'small');
  const place = (at) => ({
    x: LEFT + ((at % ringBytes) % LINE_BYTES) * (cell / cellBytes),
    y: 92 + Math.floor((at % ringBytes) / LINE_BYTES) * (row + 34),
  });
  const put = (at, kind, text) => {
    const { x, y } = place(at);
    canvas.box(x, y, cell, row, kind);
    canvas.text(x + cell / 2, y + 25, text, 'middle');
  };
  const mark = (at, text) => {
    const { x, y } = place(at);
    canvas.line(x, y - 14, x, y + row, 'mark');
    canvas.text(x + 4, y - 5, text, 'small');
  };
  const read = ringBytes - 3 * cellBytes;
  let at = read;
  let published = read;
  for (const { label, length, kind, isPending } of messages) {
    put(at, kind, `${label}: length`);
    const end = at + bytesInRing(length);
    for (let body = at + LENGTH_BYTES; body < end; body += cellBytes) {
      const bytes = Math.min(cellBytes, length - (body - at - LENGTH_BYTES));
      put(body, kind, bytes === cellBytes ? label : `${label}, ${cellBytes - bytes} unused`);
    }
    at = end;
    if (!isPending) published = end;
  }
  for (let free = at; free < read + ringBytes; free += cellBytes) put(free, 'free', '');
  mark(read, `read: ${read}`);
  mark(published, `written: ${published}`);
  mark(at, 'written next');
  let y = place(LINE_BYTES).y + row + 34;
  for (const text of [
    `A has ${messages[0].length} bytes and lies across the end of the ring, which its length never does. B has none.`,
    `Each takes a multiple of ${cellBytes} bytes. D was sent with flush: false, so the receiver does not know of it yet.`,
    `The counters go on growing: ${published} is byte ${published % ringBytes} of the ring. Written less read, ${published - read}, is what can be received.`,
  ]) {
    canvas.text(24, y, text);
    y += TEXT_ROW;
  }
  return canvas.end(y + 6);
}

/** One segment with three things in it, mapped by two processes, one of which has let it go. */
function drawSegment() {
  const canvas = new Canvas('A segment in three processes');
  const sizes = [
    { name: 'a latch', bytes: SharedLatch.sizeFor(), kind: 'c1' },
    { name: 'a queue', bytes: MessageQueue.sizeFor({ ringBytes: 4096 }), kind: 'c2' },
    { name: 'numbers of yours', bytes: 8000, kind: 'c3' },
  ];
  let offset = 0;
  const chunks = sizes.map((chunk) => {
    const placed = { ...chunk, offset };
    offset += chunk.bytes;
    return placed;
  });
  canvas.text(24, 34, 'A segment, as the system has it and as processes see it', 'title');
  const heights = [34, 48, 60];
  const top = 92;
  const height = heights.reduce((sum, one) => sum + one, 0);
  const column = (x, width, head, below) => {
    canvas.text(x + width / 2, 62, head, 'strong middle');
    canvas.text(x + width / 2, 80, below, 'small middle');
    let y = top;
    for (const [index, { name, kind }] of chunks.entries()) {
      canvas.box(x, y, width, heights[index], kind);
      canvas.text(x + width / 2, y + heights[index] / 2 + 5, name, 'middle');
      y += heights[index];
    }
  };
  const [left, middle, right] = [24, 300, 594];
  column(left, 150, 'process 4711', 'from 0x7f30c2a00000');
  column(middle, 170, 'the file', '/dev/shm/bgworker.EPOCH.7');
  column(right, 142, 'process 4802', 'from 0x7fe118400000');
  let y = top;
  for (const [index, chunk] of chunks.entries()) {
    canvas.text(middle - 8, y + 13, `offset ${chunk.offset}`, 'small end');
    y += heights[index];
  }
  for (const at of [top, top + height]) {
    canvas.line(left + 150, at, middle, at, 'dashed');
    canvas.line(middle + 170, at, right, at, 'dashed');
  }
  canvas.text(middle - 8, top + height - 4, `${offset} bytes`, 'small end');
  const foot = top + height + 34;
  canvas.box(left, foot - 12, 150, 54, 'free');
  canvas.text(left + 75, foot + 9, 'process 4711,', 'middle');
  canvas.text(left + 75, foot + 29, 'after detach()', 'middle');
  canvas.text(left + 172, foot + 2, 'has the same addresses, and behind them empty pages of its own: zeros.');
  canvas.text(left + 172, foot + 20, 'For all others the file is as it was. When the last has let go, it is removed.');
  canvas.text(
    left + 172,
    foot + 38,
    `Offsets are the same everywhere, and multiples of ${ALIGNMENT}; addresses differ.`,
  );
  return canvas.end(foot + 60);
}

class Canvas {
  #title;
  #lines = [];

  constructor(title) {
    this.#title = title;
  }

  text(x, y, content, classes = '', end = WIDTH) {
    const endsAt = /middle|end/.test(classes) ? 0 : x + String(content).length * WIDEST;
    if (endsAt > end) throw new Error(`too long for the picture: ${content}`);
    const kind = classes === '' ? '' : ` class="${classes}"`;
    this.#lines.push(`<text x="${x}" y="${y}"${kind}>${escaped(String(content))}</text>`);
  }

  box(x, y, width, height, classes) {
    this.#lines.push(`<rect x="${x}" y="${y}" width="${width}" height="${height}" class="${classes}"/>`);
  }

  line(x1, y1, x2, y2, classes) {
    this.#lines.push(`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="${classes}"/>`);
  }

  /** A box whose lower edge says that it goes on. */
  torn(x, y, width, height, classes) {
    const teeth = 16;
    const edge = Array.from({ length: teeth + 1 }, (_, index) => {
      const at = x + width - (index * width) / teeth;
      return `L${at} ${y + height - (index % 2) * 7}`;
    });
    this.#lines.push(`<path d="M${x} ${y}H${x + width}${edge.join('')}Z" class="${classes}"/>`);
  }

  end(height) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(this.#title)}">
<style>
${STYLE}
</style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" class="ground"/>
${this.#lines.join('\n')}
</svg>
`;
  }
}

/** One colour for each kind of writer, in their order; first by day, then by night. */
const COLOURS = [
  ['#e3e6ea', '#3a414b'],
  ['#bfe0c4', '#24563a'],
  ['#c3d9f5', '#234a78'],
  ['#f6d9b0', '#6b4a14'],
  ['#e4ccf0', '#573a6d'],
  ['#f3c6c6', '#6e2f33'],
];

const STYLE = `text { font: 13px system-ui, sans-serif; fill: #1c2128 }
.title { font-size: 17px; font-weight: 600 } .strong { font-weight: 600 } .small { font-size: 11.5px; fill: #59636e }
.middle { text-anchor: middle } .end { text-anchor: end }
rect, path { stroke: #7d8590; stroke-width: 1 } line { stroke: #59636e; stroke-width: 1.3 } .dashed { stroke-dasharray: 4 4 }
.ground { fill: #ffffff; stroke: #d1d9e0 } .free { fill: #f6f8fa; stroke-dasharray: 2 3 } .none { fill: none }
${COLOURS.map(([day], index) => `.c${index} { fill: ${day} }`).join(' ')}
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } line { stroke: #9198a1 }
.ground { fill: #0d1117; stroke: #3d444d } .free { fill: #151b23 }
${COLOURS.map(([, night], index) => `.c${index} { fill: ${night} }`).join(' ')}
}`;

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  mkdirSync(directory, { recursive: true });
  for (const [name, picture] of Object.entries(drawAll())) writeFileSync(join(directory, name), picture);
}
