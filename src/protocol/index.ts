/**
 * Bytes to messages and back: what both sides of every conversation share. Sans-IO: nothing here knows a socket, so
 * all of it can be tested by handing it bytes.
 */
export {
  decodeJob,
  decodeRegister,
  decodeSaying,
  decodeSettings,
  decodeStatus,
  encodeJob,
  encodeRegister,
  encodeSaying,
  encodeSettings,
  encodeStatus,
  type JobMessage,
  type RegisterMessage,
  type Registration,
  type StatusEnvelope,
} from './attachment.js';
export {
  type ByteChannel,
  Channel,
  type ChannelEnding,
  type ChannelOptions,
  fragmentCost,
  type ReceiveOptions,
  WINDOW_BYTES,
} from './channel.js';
export { ChannelRoute, type MemoryWire, MOVES_AFTER_BYTES, MOVES_AFTER_MESSAGES } from './channelRoute.js';
export { fromErrorRecord, toErrorRecord } from './errors.js';
export { decodeFailure, encodeFailure } from './failure.js';
export { encodeFrame, type Frame, FrameError, FrameReader, MAX_ATTACHMENT_BYTES, MAX_FRAME_BYTES } from './frame.js';
export { introduce, PACKAGE_FOLDER, PACKAGE_PATH, PACKAGE_VERSION } from './introduction.js';
export { Latch, type LatchEvent, type LatchWaitOptions } from './latch.js';
export {
  type AttachmentIndex,
  type ChannelContent,
  type ChannelMessage,
  type ChannelRouting,
  type ClientMessage,
  type EmbeddedMessage,
  type GoodbyeDetail,
  type GoodbyeReason,
  type Introduction,
  type LogLevel,
  type MemoryMessage,
  type Message,
  type OrderMessage,
  type PostmasterFacts,
  type PostmasterMessage,
  PROTOCOL_VERSION,
  type ReloadReport,
  type SettingChange,
  type SpareRefusal,
  type Version,
  type WireSaying,
  type WireStatus,
  type WorkerMessage,
} from './message.js';
export { fitsSocket, MAX_SOCKET_PATH_BYTES, perUserDirectory, SOCKET_NAME } from './place.js';
export { clip, type PlainBudget, toPlain } from './plain.js';
export {
  MessageError,
  parseClientMessage,
  parseEmbeddedMessage,
  parseOrderMessage,
  parsePostmasterMessage,
  parseWorkerMessage,
} from './schema.js';
export {
  type Asker,
  type AskOptions,
  ClientSession,
  type HelloMessage,
  MAX_OUTSTANDING_REQUESTS,
  type Reply,
  type Telling,
} from './session.js';
export { deserializeValue, serializeValue } from './values.js';
export { mayTalk, whyNothingStarts, whyNotServed, whyNotStarted, whyNotUnderstood } from './versions.js';
export {
  describeGiven,
  type ExportedValue,
  findWorker,
  isExportedValue,
  isWorkerValue,
  moduleOf,
  type WorkerPlace,
  type WorkerValue,
  workerBrand,
} from './workerValue.js';
