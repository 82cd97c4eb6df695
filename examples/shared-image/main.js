/**
 * Three workers draw one picture, each wherever there is a row left, right into the memory from which it is written.
 *
 *   node main.js [picture.pgm]     without a name, a few characters of it are shown
 */
import { writeFileSync } from 'node:fs';
import { run } from 'bgworker';
import { createSegment, WorkCounter } from 'bgworker/shm';
import { drawRow } from './mandelbrot.js';
import { draw } from './workers.js';

const WIDTH = 480;
const HEIGHT = 360;
const WORKERS = 3;

const segment = await createSegment(WorkCounter.sizeFor() + WIDTH * HEIGHT);
const rows = WorkCounter.create(segment.chunk(0, WorkCounter.sizeFor()), { items: HEIGHT, workers: WORKERS });
const pixels = segment.bytes.subarray(WorkCounter.sizeFor());

const task = { segment: String(segment), width: WIDTH, height: HEIGHT };
const drawn = await Promise.all(Array.from({ length: WORKERS }, () => run(draw, task)));
console.log(`${drawn.reduce((sum, count) => sum + count, 0)} of ${HEIGHT} rows were drawn; ${rows.remaining} are left`);

const alone = new Uint8Array(WIDTH * HEIGHT);
for (let row = 0; row < HEIGHT; row++) drawRow(alone, row, WIDTH, HEIGHT);
console.log('one alone draws the same:', Buffer.compare(alone, pixels) === 0);

const [, , file] = process.argv;
if (file === undefined) show();
else writeFileSync(file, Buffer.concat([Buffer.from(`P5 ${WIDTH} ${HEIGHT} 255\n`), pixels]));
segment.detach();

function show() {
  for (let row = 15; row < HEIGHT; row += 30) {
    const shades = Array.from({ length: 48 }, (_, column) => pixels[row * WIDTH + column * 10]);
    console.log(shades.map((shade) => (shade < 30 ? '#' : shade < 75 ? '+' : '.')).join(''));
  }
}
