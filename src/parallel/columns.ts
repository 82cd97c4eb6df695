/**
 * Many rows as one: a column is a typed array, and all columns have the same length. What is made of numbers travels
 * fastest so: each column is copied once, into the queue, and the receiver is given views of the queue's own memory.
 *
 *   message = four u32: COLUMNS, rows, how many columns, how long their description is; the description, up to a multiple
 *   of 8, which is JSON: for each column its name and its kind; then the columns, each up to a multiple of 8
 */
import { BgworkerError } from '../base/index.js';
import { badValue } from '../shm/index.js';
import { COLUMNS, padded } from './rowFormat.js';

const kinds = [
  ...[Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array],
  ...[Float32Array, Float64Array, BigInt64Array, BigUint64Array],
] as const;

/** What a column can be. */
export type Column =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** Columns by name. */
export type Columns = Readonly<Record<string, Column>>;

const HEAD_BYTES = 16;

/**
 * A batch of rows in columns. Where one comes from a worker its columns are views, valid until the next row is asked for:
 * copy (`column.slice()`) what is to be kept.
 */
export class ColumnBatch<Names extends Columns = Columns> {
  /** How many rows it has: the length of each column. */
  readonly rows: number;
  /** The columns, by name. */
  readonly columns: Names;

  /** Throws `ERR_INVALID_ARGUMENT` if one is no typed array, or of another length than the others. */
  constructor(columns: Names) {
    const entries = Object.entries(columns);
    this.rows = entries[0]?.[1].length ?? 0;
    this.columns = columns;
    for (const [name, column] of entries) {
      if (kindOf(column) === undefined) throw notColumn(name, 'it is no typed array');
      if (column.length !== this.rows)
        throw notColumn(name, `it has ${column.length} rows, the first one ${this.rows}`);
    }
  }
}

/** A row for longer than until the next one: columns are views of a queue, which the next rows overwrite. */
export function kept<Row>(row: Row): Row {
  if (!(row instanceof ColumnBatch)) return row;
  const entries = Object.entries((row as ColumnBatch).columns);
  return new ColumnBatch(Object.fromEntries(entries.map(([name, column]) => [name, column.slice()]))) as Row;
}

/** The pieces of its message. The columns are among them as they are: they stay as they are until it is sent. */
export function encodeColumns({ rows, columns }: ColumnBatch): Uint8Array[] {
  const entries = Object.entries(columns);
  const description = Buffer.from(JSON.stringify(entries.map(([name, column]) => [name, kindOf(column)?.name])));
  const front = new Uint8Array(HEAD_BYTES + padded(description.length));
  new Uint32Array(front.buffer, 0, 4).set([COLUMNS, rows, entries.length, description.length]);
  front.set(description, HEAD_BYTES);
  const pieces: Uint8Array[] = [front];
  for (const [, { buffer, byteOffset, byteLength }] of entries) {
    pieces.push(new Uint8Array(buffer, byteOffset, byteLength));
    if (byteLength % 8 !== 0) pieces.push(padding.subarray(byteLength % 8));
  }
  return pieces;
}

/** The columns are views of the message, which begins at a multiple of 8. Throws `ERR_BAD_VALUE`. */
export function decodeColumns(message: Uint8Array): ColumnBatch {
  const { byteOffset, length } = message;
  const buffer = message.buffer as ArrayBuffer;
  if (length < HEAD_BYTES || byteOffset % 8 !== 0) throw badValue('the head of the columns is cut off');
  const [, rows = 0, count = 0, descriptionBytes = 0] = new Uint32Array(buffer, byteOffset, 4);
  let at = HEAD_BYTES + padded(descriptionBytes);
  if (at > length) throw badValue('the description of the columns is cut off');
  const columns: [string, Column][] = [];
  const description = Buffer.from(buffer, byteOffset + HEAD_BYTES, descriptionBytes).toString();
  for (const [name, Kind] of readDescription(description)) {
    const bytes = rows * Kind.BYTES_PER_ELEMENT;
    if (at + padded(bytes) > length) throw badValue('a column is cut off');
    columns.push([name, new Kind(buffer, byteOffset + at, rows)]);
    at += padded(bytes);
  }
  if (columns.length !== count || at !== length) throw badValue('columns are left over');
  return new ColumnBatch(Object.fromEntries(columns));
}

const padding = new Uint8Array(8);

type Kind = (typeof kinds)[number];

function kindOf(column: unknown): Kind | undefined {
  return kinds.find((Kind) => column instanceof Kind);
}

function readDescription(description: string): [name: string, kind: Kind][] {
  let described: unknown;
  try {
    described = JSON.parse(description);
  } catch (cause) {
    throw badValue('the description of the columns cannot be read', cause);
  }
  if (!Array.isArray(described)) throw badValue('the columns are not described');
  return described.map((entry: unknown) => {
    const [name, kindName] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const kind = kinds.find((candidate) => candidate.name === kindName);
    if (typeof name !== 'string' || kind === undefined) throw badValue('no such kind of column');
    return [name, kind];
  });
}

function notColumn(name: string, detail: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', 'that is no column', {
    detail: `${name}: ${detail}`,
    hint: 'give typed arrays of one length: new ColumnBatch({ id: new Int32Array(rows), price: new Float64Array(rows) })',
  });
}
