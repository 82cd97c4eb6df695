/**
 * A map that never changes: `set` and `delete` give another map and share all but a few nodes with the old one, so that
 * a state can be kept, compared and replayed while a step still costs O(log n). A hash trie of 32 ways; the order of
 * its entries depends on the keys alone, so a replay sees the same order.
 *
 * Model: Bagwell, Ideal Hash Trees; without the compression, since our maps are small or short-lived.
 */
export class PersistentMap<K extends string | number, V> {
  static readonly #EMPTY: PersistentMap<never, never> = new PersistentMap<never, never>(undefined, 0);

  readonly #root: Node<K, V> | undefined;
  readonly size: number;

  private constructor(root: Node<K, V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<K extends string | number, V>(): PersistentMap<K, V> {
    return PersistentMap.#EMPTY as PersistentMap<K, V>;
  }

  get(key: K): V | undefined {
    const hash = hashOf(key);
    let node = this.#root;
    for (let shift = 0; node !== undefined; shift += BITS) {
      if (node.kind === 'entry') {
        for (let entry: Entry<K, V> | undefined = node; entry !== undefined; entry = entry.next) {
          if (entry.key === key) return entry.value;
        }
        return undefined;
      }
      const bit = bitAt(hash, shift);
      if ((node.mask & bit) === 0) return undefined;
      node = node.children[positionOf(node.mask, bit)];
    }
    return undefined;
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  set(key: K, value: V): PersistentMap<K, V> {
    const size = this.has(key) ? this.size : this.size + 1;
    return new PersistentMap(insert(this.#root, 0, hashOf(key), key, value), size);
  }

  delete(key: K): PersistentMap<K, V> {
    const root = remove(this.#root, 0, hashOf(key), key);
    return root === this.#root ? this : new PersistentMap(root, this.size - 1);
  }

  *entries(): Generator<readonly [K, V]> {
    if (this.#root !== undefined) yield* entriesOf(this.#root);
  }

  *keys(): Generator<K> {
    for (const [key] of this.entries()) yield key;
  }
}

type Node<K, V> = Branch<K, V> | Entry<K, V>;

interface Branch<K, V> {
  readonly kind: 'branch';
  /** One bit for each child that is there; the children stand in the order of their bits. */
  readonly mask: number;
  readonly children: readonly Node<K, V>[];
}

interface Entry<K, V> {
  readonly kind: 'entry';
  readonly hash: number;
  readonly key: K;
  readonly value: V;
  /** Another key with the very same hash. */
  readonly next: Entry<K, V> | undefined;
}

const BITS = 5;

function bitAt(hash: number, shift: number): number {
  return 1 << ((hash >>> shift) & 31);
}

function positionOf(mask: number, bit: number): number {
  return countOnes(mask & (bit - 1));
}

function countOnes(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

function hashOf(key: string | number): number {
  if (typeof key === 'number') return Math.imul(key ^ (key >>> 16), 0x45d9f3b) >>> 0;
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function insert<K, V>(node: Node<K, V> | undefined, shift: number, hash: number, key: K, value: V): Node<K, V> {
  if (node === undefined) return { kind: 'entry', hash, key, value, next: undefined };
  if (node.kind === 'entry') {
    if (node.hash === hash) return { kind: 'entry', hash, key, value, next: without(node, key) };
    return insert({ kind: 'branch', mask: bitAt(node.hash, shift), children: [node] }, shift, hash, key, value);
  }
  const bit = bitAt(hash, shift);
  const at = positionOf(node.mask, bit);
  const children = node.children.slice();
  if ((node.mask & bit) === 0) children.splice(at, 0, { kind: 'entry', hash, key, value, next: undefined });
  else children[at] = insert(node.children[at], shift + BITS, hash, key, value);
  return { kind: 'branch', mask: node.mask | bit, children };
}

function remove<K, V>(node: Node<K, V> | undefined, shift: number, hash: number, key: K): Node<K, V> | undefined {
  if (node === undefined) return undefined;
  if (node.kind === 'entry') return without(node, key);
  const bit = bitAt(hash, shift);
  if ((node.mask & bit) === 0) return node;
  const at = positionOf(node.mask, bit);
  const old = node.children[at];
  const child = remove(old, shift + BITS, hash, key);
  if (child === old) return node;
  const children = node.children.slice();
  if (child !== undefined) {
    if (children.length === 1 && child.kind === 'entry') return child;
    children[at] = child;
    return { kind: 'branch', mask: node.mask, children };
  }
  children.splice(at, 1);
  const [only] = children;
  // A branch that holds one entry is that entry, so a map that shrank is as flat as one that never grew.
  if (children.length <= 1 && only?.kind !== 'branch') return only;
  return { kind: 'branch', mask: node.mask & ~bit, children };
}

/** The entries of one hash, less the one with this key; the very same when it is not there. */
function without<K, V>(entry: Entry<K, V> | undefined, key: K): Entry<K, V> | undefined {
  if (entry === undefined) return undefined;
  if (entry.key === key) return entry.next;
  const next = without(entry.next, key);
  return next === entry.next ? entry : { ...entry, next };
}

function* entriesOf<K, V>(node: Node<K, V>): Generator<readonly [K, V]> {
  if (node.kind === 'branch') {
    for (const child of node.children) yield* entriesOf(child);
    return;
  }
  for (let entry: Entry<K, V> | undefined = node; entry !== undefined; entry = entry.next) {
    yield [entry.key, entry.value];
  }
}
