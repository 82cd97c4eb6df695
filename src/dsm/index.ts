/**
 * Memory that processes share: segments that any process of a postmaster can attach to, and what lives in them.
 *
 *     const segment = await createSegment(1024 * 1024);
 *     const handle = await launch(fill, String(segment));       // the worker: await attachSegment(text)
 *
 * Loads koffi, an optional dependency, when it is first used.
 *
 * @module bgworker/shm
 */
export {
  ALIGNMENT,
  aligned,
  type BlockingWaitOptions,
  type Chunk,
  SharedLatch,
  type SharedLatchEvent,
  type WaitOptions,
} from '../shm/index.js';
export { DsmSegment } from './dsmSegment.js';
export {
  attachSegment,
  createSegment,
  findSegment,
  listSegments,
  namedSegment,
  type SegmentInfo,
  type SegmentOptions,
  tryAttachSegment,
  tryCreateSegment,
  unpinSegment,
} from './segments.js';
