/**
 * The shapes that an encoder has told its decoder: lists of keys of records, and the numbers that stand for them. One that
 * comes for the second time is remembered by both ends; one that is new, or hardly comes again (keys like '17', very
 * long or very many), passes: it is told with its message and forgotten with it.
 *
 *   definitions = 'D', isReset: u8, number of the first one: u16, how many to remember: u16, how many that pass: u16,
 *                 length of all of it: u32, start of the texts: u32,
 *                 then each: number of keys: u16, length of each key: u16; the texts of the keys, padding to 8
 *
 * Both ends remember the same after each message, because the encoder decides: also when all is forgotten, which is when
 * there was no room. Until the next message is begun, what this one told can be taken back.
 */
import { RecentKeys } from './recentKeys.js';
import {
  DEFINITIONS,
  DEFINITIONS_HEAD_BYTES,
  FIRST_PASSING_SHAPE,
  MAX_KEY,
  MAX_KEYS,
  MAX_REMEMBERED_KEYS,
  MAX_SHAPE_NUMBER,
  MAX_SHAPES,
} from './valueFormat.js';
import { TextWriter } from './valueText.js';

type Keys = readonly string[];

/** A point in the tree of key lists. The encoder walks it by itself while it goes through an object. */
export class ShapeNode {
  /** -1: no remembered record ends here. */
  number = -1;
  /** The key that was last asked for here, and where it led. */
  key: string | undefined = undefined;
  next: ShapeNode | undefined = undefined;
  #others: Map<string, ShapeNode> | undefined = undefined;

  find(key: string): ShapeNode | undefined {
    const found = this.#others?.get(key);
    if (found !== undefined) this.#prefer(key, found);
    return found;
  }

  add(key: string): ShapeNode {
    const added = new ShapeNode();
    this.#prefer(key, added);
    return added;
  }

  #prefer(key: string, node: ShapeNode): void {
    if (this.key !== undefined && this.next !== undefined) {
      this.#others ??= new Map();
      this.#others.set(this.key, this.next);
    }
    this.key = key;
    this.next = node;
  }
}

class Remembered {
  readonly root = new ShapeNode();
  shapes = 0;
  keys = 0;
}

export class ShapeTable {
  #remembered = new Remembered();
  readonly #recent = new RecentKeys();
  #hasNoRoom = false;
  // Of the message that was begun last: what it made us forget, and what it tells.
  #forgotten: Remembered | undefined;
  #told: { readonly node: ShapeNode; readonly keys: Keys }[] = [];
  #passing: Keys[] = [];
  readonly #text = new TextWriter();

  get root(): ShapeNode {
    return this.#remembered.root;
  }

  begin(): void {
    this.#forgotten = undefined;
    if (this.#told.length > 0) this.#told = [];
    if (this.#passing.length > 0) this.#passing = [];
    if (!this.#hasNoRoom) return;
    this.#hasNoRoom = false;
    this.#forgotten = this.#remembered;
    this.#remembered = new Remembered();
  }

  rollback(): void {
    for (const { node } of this.#told) node.number = -1;
    this.#remembered.shapes -= this.#told.length;
    this.#told = [];
    if (this.#forgotten === undefined) return;
    this.#remembered = this.#forgotten;
    this.#forgotten = undefined;
    this.#hasNoRoom = true;
  }

  /** A number for a list of keys that has none; undefined if there is none to be had for this message. */
  define(keys: Keys): number | undefined {
    if (keys.length > MAX_KEYS || keys.some((key) => key.length > MAX_KEY)) return undefined;
    if (this.#recent.hasComeBefore(keys) && this.#hasRoomFor(keys)) return this.#remember(keys);
    const number = FIRST_PASSING_SHAPE + this.#passing.length;
    if (number > MAX_SHAPE_NUMBER) return undefined;
    this.#passing.push(keys);
    return number;
  }

  /** What goes before the message; undefined if it tells nothing. */
  definitions(): Uint8Array | undefined {
    if (this.#told.length === 0 && this.#passing.length === 0 && this.#forgotten === undefined) return undefined;
    const all = [...this.#told.map(({ keys }) => keys), ...this.#passing];
    this.#text.begin();
    let textStart = DEFINITIONS_HEAD_BYTES;
    for (const keys of all) {
      textStart += 2 + 2 * keys.length;
      for (const key of keys) if (key !== '') this.#text.add(key);
    }
    const text = this.#text.finish();
    const length = (textStart + text.length + 7) & ~7;

    const target = Buffer.allocUnsafe(length);
    target[0] = DEFINITIONS;
    target[1] = this.#forgotten === undefined ? 0 : 1;
    target.writeUInt16LE(this.#remembered.shapes - this.#told.length, 2);
    target.writeUInt16LE(this.#told.length, 4);
    target.writeUInt16LE(this.#passing.length, 6);
    target.writeUInt32LE(length, 8);
    target.writeUInt32LE(textStart, 12);
    let at = DEFINITIONS_HEAD_BYTES;
    for (const keys of all) {
      at = target.writeUInt16LE(keys.length, at);
      for (const key of keys) at = target.writeUInt16LE(key.length, at);
    }
    target.set(text, at);
    return target.fill(0, at + text.length);
  }

  #remember(keys: Keys): number {
    let node = this.root;
    for (const key of keys) node = (node.key === key ? node.next : node.find(key)) ?? node.add(key);
    this.#remembered.keys += keys.length;
    node.number = this.#remembered.shapes++;
    this.#told.push({ node, keys });
    return node.number;
  }

  /** Taken back shapes leave their keys in the tree, so these go on counting. */
  #hasRoomFor(keys: Keys): boolean {
    const { shapes, keys: remembered } = this.#remembered;
    this.#hasNoRoom ||= shapes >= MAX_SHAPES || remembered + keys.length > MAX_REMEMBERED_KEYS;
    return !this.#hasNoRoom;
  }
}
