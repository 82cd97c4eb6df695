/**
 * Rows as messages of a tuple queue: how they lie in one, and the words that encoder and decoder share. A message is a
 * batch of rows, or one batch of columns (columns.ts).
 *
 *   rows    = head, numbers, tags, bytes, texts
 *   head    = six u32: ROWS, then how many rows, numbers, tags, bytes, and bytes of texts there are
 *   numbers = 8 bytes each: what is of one size stands here, at a multiple of 8
 *   tags    = one byte or two for a row, and one for each of its cells; up to a multiple of 8
 *   bytes   = what is bytes itself
 *   texts   = the strings, joined (shm/valueText.ts)
 *
 * So the row `[7, 'Ada', null]` is the tags LIST 3 NUMBER STRING+3 NULL, the number 7 and the text Ada: the parts are read
 * in step. The keys of a record are told once in a queue (SHAPE), and a number of one byte stands for them from then on.
 * A row that has more in it than cells of these kinds (a Map, a nested object, an instance of a class) goes as a whole to
 * the codec for values of shm/, which is a message within the message. Both ends are processes of one machine that run
 * one version of this package; the decoder believes nothing all the same.
 */

/** The first word of a message. */
export const ROWS = 0x53_57_4f_52;
export const COLUMNS = 0x53_4c_4f_43;

/** Of a message of rows. */
export const HEAD_BYTES = 24;

// Tags of cells. A cell without a row around it is a row that is a single value.
export const UNDEFINED = 0;
export const NULL = 1;
export const FALSE = 2;
export const TRUE = 3;
/** A number: f64. */
export const NUMBER = 4;
/** A number: i64. */
export const BIGINT = 5;
/** A number: milliseconds, NaN for an invalid date. */
export const DATE = 6;
/** A number: how many bytes it has. */
export const BYTES = 7;
/** As BYTES, for a Buffer. */
export const BUFFER = 8;
/** Tags from here up are strings of up to 126 units; the last one says that a number with the length follows. */
export const STRING = 0x80;
export const LONG_STRING = 0xff;
export const SHORT_STRING_UNITS = LONG_STRING - STRING;

// Tags of rows.
/** A byte with its length, then its cells. */
export const LIST = 0x10;
/** The same for a long one, with a number for its length. */
export const LONG_LIST = 0x11;
/** A byte with the number of its shape, then its cells. */
export const RECORD = 0x12;
/** A number: how many bytes the codec for values wrote. */
export const VALUE = 0x13;
/** No row: a byte with how many keys the next shape has, then the keys, which are cells. */
export const SHAPE = 0x14;

/** How long a list may be to have its length in a byte. */
export const MAX_SHORT_LIST = 0xff;
/** A longer one goes to the codec for values. */
export const MAX_LIST = 0xffff;
/** How many shapes are told in a queue at most. Records of others go to the codec for values, which can forget. */
export const MAX_SHAPES = 64;
/** A record with more keys goes to the codec for values. */
export const MAX_KEYS = 0xff;

/** The next multiple of 8. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}
