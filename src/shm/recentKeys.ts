/**
 * Which lists of keys came a short while ago: the next one that is the same is worth remembering. Objects that are used
 * as dictionaries have other keys each time, and would fill the memory of both ends with what never comes again.
 *
 * There are so many places, each for one list; a newer one takes the place of an older.
 */
import { MAX_REMEMBERED_KEY, MAX_SHAPE_KEYS } from './valueFormat.js';

const PLACES = 64;

export class RecentKeys {
  readonly #places: (readonly string[] | undefined)[] = new Array<undefined>(PLACES).fill(undefined);

  /** Asking makes it one that has come. False for lists that are never worth it. */
  hasComeBefore(keys: readonly string[]): boolean {
    if (keys.length > MAX_SHAPE_KEYS || isIndex(keys[0])) return false;
    if (keys.some((key) => key.length > MAX_REMEMBERED_KEY)) return false;
    const place = placeOf(keys);
    const known = this.#places[place];
    if (known?.length === keys.length && keys.every((key, index) => key === known[index])) return true;
    this.#places[place] = keys;
    return false;
  }
}

/** Integers come first among the keys of an object, so one look at the first tells whether there are any. */
export function isIndex(key: string | undefined): boolean {
  const unit = key?.charCodeAt(0) ?? 0;
  return unit >= 48 && unit <= 57;
}

/** Looks at the length of each key and at its last unit, which is where keys differ. */
function placeOf(keys: readonly string[]): number {
  let place = keys.length;
  for (const key of keys) place = (Math.imul(place, 31) + key.length + key.charCodeAt(key.length - 1)) | 0;
  return (place ^ (place >>> 8)) & (PLACES - 1);
}
