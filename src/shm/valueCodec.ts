/**
 * Structured values as messages of a queue: `ValueEncoder` at the sending end, `ValueDecoder` at the receiving one. What
 * arrives is what structured clone makes of a value. Records of plain fields take a short way, some four times as fast
 * as `v8.serialize`; a value in which anything else stands (a Map, an instance of a class) goes as a whole to the
 * fallback, which also decides what cannot be sent and says where it stands.
 *
 * A pair serves one direction of one queue, and each message passes through both ends in the order in which it was
 * encoded: the list of keys of a record (its shape) is told once, and a number stands for it from then on. A message that
 * was encoded and not sent is taken back with `rollback()`.
 *
 * How the bytes lie stands in valueFormat.ts. They are for processes of one machine that run one version of this package:
 * numbers are in the order of its processor.
 */
export { ValueDecoder, type ValueDecoderOptions } from './valueDecoder.js';
export { ValueEncoder, type ValueEncoderOptions } from './valueEncoder.js';
export { type ValueFallback, v8Fallback } from './valueFallback.js';
