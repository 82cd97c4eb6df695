/**
 * What a client asks of shared memory, as the fact that the core is given. Whether it is granted is the core's to say, so
 * nothing is looked at here; what the words of the two sides have in common stands in protocol/message.ts.
 */
import { unreachable } from '../base/index.js';
import type { ClientId } from '../core/index.js';
import type { MemoryMessage } from '../protocol/index.js';
import type { Fact } from './fact.js';

/** All but the question that changes nothing. */
export type MemoryRequest = Exclude<MemoryMessage, { type: 'segmentList' }>;

export function memoryFact(client: ClientId, message: MemoryRequest): Fact {
  switch (message.type) {
    case 'memoryJoin':
      return { ...message, type: 'memoryJoinRequested', client };
    case 'segmentCreate':
      return { ...message, type: 'segmentRequested', client };
    case 'segmentNamed':
      return { ...message, type: 'namedSegmentRequested', client };
    case 'segmentInitialised':
      return { ...message, type: 'segmentInitialised', client };
    case 'segmentAttach':
      return { ...message, type: 'segmentAttachRequested', client };
    case 'segmentPin':
      return { ...message, type: 'segmentPinRequested', client };
    case 'segmentUnpin':
      return { ...message, type: 'segmentUnpinRequested', client };
    case 'segmentDetach':
      return { ...message, type: 'segmentDetached', client };
    default:
      unreachable(message);
  }
}
