/**
 * What is said about a list of measurements. The median, since a shared machine has rounds that say nothing about us;
 * the quartiles beside it, since a median without a spread says nothing either.
 */

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * Between two values it lies in proportion.
 *
 * @param {readonly number[]} values
 * @param {number} part from 0 to 1
 */
export function quantile(values, part) {
  if (values.length === 0) throw new Error('nothing was measured');
  const sorted = [...values].sort((one, other) => one - other);
  const at = (sorted.length - 1) * part;
  const low = Math.floor(at);
  const high = Math.ceil(at);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/**
 * @typedef {{ name: string, unit: string, median: number, low: number, high: number, rounds: number }} Side
 * @param {string} name
 * @param {string} unit
 * @param {readonly number[]} values
 * @returns {Side} low and high are the quartiles
 */
export function describe(name, unit, values) {
  return {
    name,
    unit,
    median: median(values),
    low: quantile(values, 0.25),
    high: quantile(values, 0.75),
    rounds: values.length,
  };
}
