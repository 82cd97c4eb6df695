/**
 * What a figure is: a file in figures/ whose default export is one. `measure` gives an outcome, or `notMeasured`, or
 * throws: a wrong answer is a failure and never a figure.
 *
 * @typedef {import('./statistics.js').Side} Side
 *
 * @typedef {{ what: string, is: number, atMost?: number, atLeast?: number }} Goal
 *
 * @typedef {object} Outcome
 * @property {number} value the figure itself
 * @property {string} unit
 * @property {{ [peer: string]: number }} [ratios] ours to theirs
 * @property {readonly Goal[]} goals
 * @property {readonly Side[]} sides everything that was measured, ours and theirs
 * @property {{ what: string, value: number }} [limit] what the machine would allow, in the figure's unit
 * @property {readonly string[]} [notes] what a reader must know to believe it
 *
 * @typedef {object} Figure
 * @property {string} id
 * @property {string} title
 * @property {(surroundings: { rounds: number }) => Promise<Outcome | { notMeasured: string }>} measure
 */

/**
 * One place decides whether a goal is met.
 *
 * @param {Goal} goal
 */
export function isMet({ is, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }) {
  return is <= atMost && is >= atLeast;
}

/** By Node's major version: a process of an older one boots longer, so the same start is a smaller part of it. */
export function onNode20(of20, ofLater) {
  return Number(process.versions.node.split('.')[0]) < 22 ? of20 : ofLater;
}
