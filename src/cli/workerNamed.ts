/**
 * Which worker is meant by a word of the command line: a handle, or a name that one worker alone has. A name is known
 * for as long as its worker holds a slot; the handle of one that has ended still leads to its last word.
 */
import { BgworkerError, nearest } from '../base/index.js';
import type { Activity, BackgroundWorkerHandle, Client } from '../client/index.js';
import { parseHandle } from '../core/index.js';

export async function workerNamed(client: Client, word: string): Promise<BackgroundWorkerHandle> {
  if (parseHandle(word) !== undefined) return client.handle(word);
  const rows = await client.activity();
  const named = rows.filter(({ name }) => name === word);
  const [first] = named;
  if (first === undefined) throw unknownName(word, rows);
  if (named.length > 1) throw ambiguousName(word, named);
  return client.handle(first.handle);
}

/** Each worker once, however often it was named. Rejects if one is not there: then none is given. */
export async function workersNamed(client: Client, words: readonly string[]): Promise<BackgroundWorkerHandle[]> {
  const handles = await Promise.all(words.map((word) => workerNamed(client, word)));
  return [...new Map(handles.map((handle) => [handle.id, handle])).values()];
}

export function titleOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return name === '' ? id : `${JSON.stringify(name)} (${id})`;
}

function unknownName(word: string, rows: readonly Activity[]): BgworkerError {
  const [near] = nearest(word, [...new Set(rows.map(({ name }) => name))]);
  return new BgworkerError('ERR_UNKNOWN_WORKER', 'no worker of this name is there', {
    detail: word,
    hint:
      near === undefined
        ? 'bgworker ps lists them; one that has ended is found by its handle'
        : `did you mean ${near}?`,
  });
}

function ambiguousName(word: string, rows: readonly Activity[]): BgworkerError {
  return new BgworkerError('ERR_AMBIGUOUS_NAME', 'several workers have this name', {
    detail: `${word} is ${rows.map(({ handle, state }) => `${handle} (${state})`).join(', ')}`,
    hint: 'give a handle',
  });
}
