/** Three workers compute in phases on the same memory, and come to what one alone comes to, to the last bit. */
import { run } from 'bgworker';
import { ContentsEstimator, createSegment, SharedBarrier, TableOfContents } from 'bgworker/shm';
import { coldPlate, step } from './heat.js';
import { spread } from './workers.js';

const SIZE = 200;
const STEPS = 300;
const WORKERS = 3;

// Two plates: one is read while the other is written, in turn. What lies where is in the table of contents.
const plateBytes = SIZE * SIZE * Float64Array.BYTES_PER_ELEMENT;
const barrierBytes = SharedBarrier.sizeFor({ parties: WORKERS });
const { sizeBytes } = new ContentsEstimator()
  .addKeys(3)
  .addChunk(barrierBytes)
  .addChunk(plateBytes)
  .addChunk(plateBytes);
const segment = await createSegment(sizeBytes);
const contents = TableOfContents.create(segment.chunk());

const barrier = contents.allocate(barrierBytes);
SharedBarrier.create(barrier, { parties: WORKERS });
contents.insert('barrier', barrier);
const plates = ['old', 'next'].map((key) => {
  const chunk = contents.allocate(plateBytes);
  const plate = new Float64Array(chunk.shownBytes.buffer, chunk.shownBytes.byteOffset, SIZE * SIZE);
  coldPlate(plate, SIZE);
  contents.insert(key, chunk);
  return plate;
});

// All rows but the edges, in as many parts as there are workers.
const rows = Array.from({ length: WORKERS + 1 }, (_, part) => 1 + Math.round((part * (SIZE - 2)) / WORKERS));
const elected = await Promise.all(
  rows
    .slice(1)
    .map((end, part) => run(spread, { segment: String(segment), size: SIZE, steps: STEPS, begin: rows[part], end })),
);
console.log(`${WORKERS} workers, ${STEPS} phases; one of them was elected in ${sum(elected)}`);

let [old, next] = [new Float64Array(SIZE * SIZE), new Float64Array(SIZE * SIZE)];
for (const plate of [old, next]) coldPlate(plate, SIZE);
for (let n = 0; n < STEPS; n++) {
  step(old, next, SIZE, 1, SIZE - 1);
  [old, next] = [next, old];
}
const shared = plates[STEPS % 2];
console.log(`in the middle of row 20 it has ${shared[20 * SIZE + SIZE / 2].toFixed(3)} degrees`);
console.log('one alone computes the same:', Buffer.compare(bytesOf(shared), bytesOf(old)) === 0);
segment.detach();

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
