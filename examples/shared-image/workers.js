/** Draws rows of the picture, as many as it can get: the rows cost more or less, and so nobody is given them beforehand. */
import { attachSegment, WorkCounter } from 'bgworker/shm';
import { defineWorker } from 'bgworker/worker';
import { drawRow } from './mandelbrot.js';

export const draw = defineWorker(import.meta, async (ctx, { segment: handle, width, height }) => {
  const segment = await attachSegment(handle);
  const rows = WorkCounter.attach(segment.chunk(0, WorkCounter.sizeFor()));
  const pixels = segment.bytes.subarray(WorkCounter.sizeFor());
  let drawn = 0;
  for (let piece = rows.next(); piece !== null; piece = rows.next()) {
    ctx.signal.throwIfAborted();
    for (let row = piece.begin; row < piece.end; row++) drawRow(pixels, row, width, height);
    drawn += piece.end - piece.begin;
  }
  return drawn;
});
