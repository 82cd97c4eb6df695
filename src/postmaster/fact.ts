/**
 * What the postmaster learns and gives to the core: an event without its time. Every fact gets its time when it is
 * dispatched, in one place, so that time never runs backwards between two of them.
 */
import type { Event } from '../core/index.js';

export type Fact = Event extends infer E ? (E extends Event ? Omit<E, 'at'> : never) : never;
