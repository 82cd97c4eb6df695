/**
 * What a leader tells its parallel workers: what to run, one message for each run, by a queue for each worker. Its end, be
 * it that the leader detached or that it died, is the end of an idle worker. So workers can be used again without being
 * started again, which PostgreSQL's are not.
 */
import { BgworkerError } from '../base/index.js';
import { deserializeValue, serializeValue } from '../protocol/index.js';

/** One run of a worker. */
export interface RunCommand {
  /** Where the entry point is: the URL of a module, and the name under which it exports it. */
  readonly module: string;
  readonly exportName: string;
  /** As Participant.workersPlanned. */
  readonly workersPlanned: number;
  /** Serialised: it is the same for all workers, and was looked at once. */
  readonly arg: Uint8Array;
}

export function encodeCommand(command: RunCommand): Uint8Array {
  return serializeValue(command, 'command');
}

/** Throws `ERR_NOT_DESERIALIZABLE`, and `ERR_QUEUE_CORRUPT` for what no leader says. */
export function decodeCommand(bytes: Uint8Array): RunCommand {
  const command = deserializeValue(bytes);
  if (typeof command === 'object' && command !== null && 'arg' in command && command.arg instanceof Uint8Array) {
    return command as RunCommand;
  }
  throw new BgworkerError('ERR_QUEUE_CORRUPT', 'what stands in the command queue is no command of a leader');
}
