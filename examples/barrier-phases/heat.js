/** Heat spreads over a square plate, one step at a time: each point becomes the mean of its four neighbours. */

/** The plate at the beginning: cold, but for its upper edge. The edges stay as they are. */
export function coldPlate(plate, size) {
  plate.fill(0);
  plate.fill(100, 0, size);
}

/** One step for the rows from `begin` up to `end`. Reads those above and below, too. */
export function step(old, next, size, begin, end) {
  for (let row = begin; row < end; row++) {
    for (let at = row * size + 1; at < (row + 1) * size - 1; at++) {
      next[at] = (old[at - 1] + old[at + 1] + old[at - size] + old[at + size]) / 4;
    }
  }
}
