/** What the child of the tuple queue's tests does: it sends rows, says so, and has more that it never flushes. */
import { TupleSender } from '../../src/parallel/tupleQueue.js';
import { MessageQueue } from '../../src/shm/index.js';
import type { Seat } from '../shm/support/company.js';
import { sit } from '../shm/support/company.js';

/** Sends so many rows, which the ring can hold, says so, and waits to be killed. */
export async function sendAndHang(seat: Seat): Promise<never> {
  const sender = new TupleSender(MessageQueue.attach(sit(seat).segment.chunk()).sender());
  const rows = seat.arg as number;
  for (let row = 0; row < rows; row++) if (sender.push({ row, pid: process.pid })) await sender.flush();
  await sender.flush();
  sender.push('what nobody gets');
  process.send?.({ value: 'flushed' });
  return new Promise(() => setInterval(() => {}, 1_000));
}
