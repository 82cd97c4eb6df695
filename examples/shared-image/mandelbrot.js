/** One row of the picture: how soon each point leaves, from 0 for never to 255 for at once. */
const MOST = 200;

export function drawRow(pixels, row, width, height) {
  const y = (2.4 * row) / height - 1.2;
  for (let column = 0; column < width; column++) {
    pixels[row * width + column] = shadeOf((3.2 * column) / width - 2.2, y);
  }
}

function shadeOf(x, y) {
  let [real, imaginary] = [0, 0];
  for (let count = 0; count < MOST; count++) {
    [real, imaginary] = [real * real - imaginary * imaginary + x, 2 * real * imaginary + y];
    if (real * real + imaginary * imaginary > 4) return Math.round(255 / Math.sqrt(1 + count));
  }
  return 0;
}
