/**
 * What every layer may use: errors for the caller or the world, assertions for ourselves. The list is closed: a third
 * thing needs a reason that no single folder could own it.
 */
export { assert, ourFault, unreachable } from './assert.js';
export { BgworkerError, type ErrorOptions } from './errors.js';
