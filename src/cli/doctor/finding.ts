/**
 * What a check found: nothing to do, something to know before it hurts, or something that does not work. Whatever is
 * not fine says what to change, in words that can be done.
 */
import type { Scene } from './scene.js';

export type Finding =
  | { readonly verdict: 'ok'; readonly found: string; readonly advice: null }
  | { readonly verdict: 'warning' | 'problem'; readonly found: string; readonly advice: string };

/** Null where the question does not arise, such as that for /proc where there is none. */
export type Answer = Finding | null | Promise<Finding | null>;

/** Looks and changes nothing. */
export type Check = (scene: Scene) => Answer;

export function ok(found: string): Finding {
  return { verdict: 'ok', found, advice: null };
}

/** It works, and may not in a while or under load. */
export function warning(found: string, advice: string): Finding {
  return { verdict: 'warning', found, advice };
}

/** It does not work. */
export function problem(found: string, advice: string): Finding {
  return { verdict: 'problem', found, advice };
}
