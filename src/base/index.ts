/**
 * What every layer may use: errors for the caller or the world, assertions for ourselves, a timer without a limit for
 * those who wait, and for a word that is misspelt the one that was meant, be it a field, a setting or an export. The list is closed: one more thing needs a reason that
 * no single folder could own it.
 */
export { assert, ourFault, unreachable } from './assert.js';
export { BgworkerError, type ErrorOptions } from './errors.js';
export { checkTimeout, type LongTimer, startLongTimer } from './longTimer.js';
export { nearest, nearestFirst } from './nearest.js';
