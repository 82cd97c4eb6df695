/**
 * Values on their way between processes: `v8.serialize`, with a gate before it. What it would silently empty (a URL, an
 * AbortSignal, Headers: objects whose state is not in their properties) or cannot carry (functions, promises, proxies)
 * is refused by name and path, so that nobody finds out from a worker that was given `{}`.
 *
 * What arrives: what structured clone carries, that is plain objects and lists, Map, Set, Date, RegExp, BigInt, typed
 * arrays and buffers, with cycles and shared references. An instance of a class arrives as a plain object with its
 * own properties, as with structuredClone(); private fields, accessors and symbol keys stay behind. One that would
 * arrive with no property at all is refused. Errors are refused inside values: what Node 20 writes of one, later
 * versions cannot read (D15); an error that is thrown travels as a record instead (errors.ts).
 *
 * The gate looks only at prototypes and is passed once; the path is searched for only when something is to be refused.
 * The bytes can be read by every supported Node, whichever of them wrote them.
 */
import * as types from 'node:util/types';
import { DefaultDeserializer, serialize } from 'node:v8';
import { BgworkerError } from '../base/index.js';

/** `what` names the value in the refusal: `mainArg` makes it say `mainArg.headers[2].url`. */
export function serializeValue(value: unknown, what: string): Uint8Array {
  try {
    if (isCarriedWhole(value)) return serialize(value);
  } catch (cause) {
    throw refusal(value, what, cause);
  }
  throw refusal(value, what, undefined);
}

export function deserializeValue(bytes: Uint8Array): unknown {
  try {
    const deserializer = new ValueDeserializer(bytes);
    deserializer.readHeader();
    return deserializer.readValue() as unknown;
  } catch (cause) {
    throw new BgworkerError('ERR_NOT_DESERIALIZABLE', 'value cannot be read', {
      detail: `${bytes.byteLength} bytes, read by Node ${process.versions.node}`,
      hint: 'a value of a kind that only a newer Node knows cannot be read by an older one',
      cause,
    });
  }
}

/**
 * Gives buffers and typed arrays memory of their own, as structured clone does. Node's deserializer makes them views of
 * the bytes it reads: whoever got one could reach, or transfer away, the chunk of a socket that other messages stand in.
 */
class ValueDeserializer extends DefaultDeserializer {
  /** Called by V8 for every ArrayBufferView. */
  protected _readHostObject(): ArrayBufferView {
    const { _readHostObject: read } = DefaultDeserializer.prototype as unknown as ReadsHostObjects;
    const view = read.call(this);
    const memory = new Uint8Array(view.byteLength);
    memory.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    if (Buffer.isBuffer(view)) return Buffer.from(memory.buffer);
    const { constructor: View } = view as unknown as {
      readonly constructor: new (buffer: ArrayBufferLike) => ArrayBufferView;
    };
    return new View(memory.buffer);
  }
}

interface ReadsHostObjects {
  _readHostObject(): ArrayBufferView;
}

/** After so many holes in a row a list is taken for a sparse one, and walked by its keys. */
const SPARSE_AFTER = 1_024;

/** No object that would arrive emptied. What is no object at all is left to `v8.serialize`, which throws at functions and symbols. */
function isCarriedWhole(root: unknown): boolean {
  if (typeof root !== 'object' || root === null) return true;
  const seen = new Set<object>([root]);
  const pending: object[] = [root];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    pending.push(value);
  };
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    if (Array.isArray(object)) {
      visitList(object, visit);
      continue;
    }
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) {
      switch (kindOf(object)) {
        case 'leaf':
          continue;
        case 'refused':
          return false;
        case 'collection':
          visitCollection(object as Map<unknown, unknown> | Set<unknown>, visit);
          continue;
        case 'fields':
      }
    }
    for (const key in object) visit((object as Record<string, unknown>)[key]);
  }
  return true;
}

function visitList(list: readonly unknown[], visit: (value: unknown) => void): void {
  let holes = 0;
  for (let index = 0; index < list.length; index++) {
    const entry = list[index];
    if (entry !== undefined) holes = 0;
    else if (++holes > SPARSE_AFTER) {
      for (const key of Object.keys(list)) visit(list[Number(key)]);
      return;
    }
    visit(entry);
  }
}

function visitCollection(collection: Map<unknown, unknown> | Set<unknown>, visit: (value: unknown) => void): void {
  for (const [key, value] of collection.entries()) {
    visit(key);
    visit(value);
  }
}

/** What `v8.serialize` does with an object that is neither a plain one nor a list. */
function kindOf(object: object): 'leaf' | 'collection' | 'fields' | 'refused' {
  if (ArrayBuffer.isView(object) || types.isArrayBuffer(object) || types.isDate(object)) return 'leaf';
  if (types.isRegExp(object) || types.isBoxedPrimitive(object)) return 'leaf';
  if (types.isMap(object) || types.isSet(object)) return 'collection';
  if (isError(object)) return 'refused';
  return Object.keys(object).length > 0 || isPlainElsewhere(object) ? 'fields' : 'refused';
}

function isError(object: object): boolean {
  return types.isNativeError(object) || object instanceof Error;
}

/** A plain object of another realm (node:vm, Jest). */
function isPlainElsewhere(object: object): boolean {
  const prototype = Object.getPrototypeOf(object) as object;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty');
}

function refusal(root: unknown, what: string, cause: unknown): BgworkerError {
  const offender = tryFindOffender(root, what);
  if (offender !== undefined) {
    const { path, value } = offender;
    return new BgworkerError('ERR_NOT_SERIALIZABLE', 'value cannot be sent to another process', {
      detail: `${path} is ${nameKind(value)}`,
      hint: hintFor(value),
      cause,
    });
  }
  return new BgworkerError('ERR_NOT_SERIALIZABLE', 'value cannot be sent to another process', {
    detail: `${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: cause instanceof RangeError ? 'it is nested too deeply, or too large' : 'send plain data',
    cause,
  });
}

/** Nothing is found where a getter throws: then its own error is the one to show. */
function tryFindOffender(root: unknown, what: string): Found | undefined {
  try {
    return findOffender(root, what);
  } catch {
    return undefined;
  }
}

interface Found {
  readonly path: string;
  readonly value: unknown;
}

/** The first of all that is refused, breadth first, so that the shortest path is named. */
function findOffender(root: unknown, what: string): Found | undefined {
  const seen = new Set<unknown>();
  const pending: Found[] = [{ path: what, value: root }];
  for (let next = 0; next < pending.length; next++) {
    const found = pending[next] as Found;
    if (isRefused(found.value)) return found;
    if (typeof found.value !== 'object' || found.value === null || seen.has(found.value)) continue;
    seen.add(found.value);
    for (const part of partsOf(found.value, found.path)) pending.push(part);
  }
  return undefined;
}

function isRefused(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return true;
  if (typeof value !== 'object' || value === null) return false;
  if (types.isProxy(value) || types.isPromise(value) || types.isWeakMap(value) || types.isWeakSet(value)) return true;
  if (types.isSharedArrayBuffer(value) || types.isGeneratorObject(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return !Array.isArray(value) && prototype !== Object.prototype && prototype !== null && kindOf(value) === 'refused';
}

function* partsOf(value: object, path: string): Generator<Found> {
  if (types.isMap(value)) {
    let index = 0;
    for (const [key, entry] of value) {
      yield { path: `${path}.keys()[${index++}]`, value: key };
      yield { path: `${path}.get(${typeof key === 'string' ? JSON.stringify(key) : `#${index - 1}`})`, value: entry };
    }
  } else if (types.isSet(value)) {
    let index = 0;
    for (const entry of value) yield { path: `${path}.values()[${index++}]`, value: entry };
  } else if (!ArrayBuffer.isView(value) && !types.isBoxedPrimitive(value)) {
    const isList = Array.isArray(value);
    for (const key of Object.keys(value)) {
      yield { path: `${path}${step(key, isList)}`, value: (value as Record<string, unknown>)[key] };
    }
  }
}

function step(key: string, isList: boolean): string {
  if (isList) return `[${key}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

function nameKind(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`;
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`;
  if (types.isProxy(value)) return 'a Proxy';
  const name: unknown = value.constructor?.name;
  return typeof name === 'string' && name !== '' ? `of class ${name}` : 'an object with no fields of its own';
}

function hintFor(value: unknown): string {
  if (typeof value === 'function') return 'functions stay in their process: name a worker, or send data';
  if (typeof value !== 'object' || value === null) return 'send a string in its place';
  if (types.isProxy(value)) return 'send a copy of what is behind it: { ...proxy }';
  if (types.isPromise(value)) return 'await it first';
  if (isError(value)) return 'throw it, or send { name, message, stack }';
  if (value instanceof URL || value instanceof URLSearchParams) return 'send String(url)';
  if (value instanceof AbortSignal) return 'a worker has a signal of its own: terminate it, or tell it by its channel';
  if (types.isSharedArrayBuffer(value)) return 'memory of one process: send a copy';
  if (Object.prototype.toString.call(value) === '[object DsmSegment]') return 'send String(segment), its handle';
  return 'send plain data made from it: its state is not in properties of its own, so it would arrive empty';
}
