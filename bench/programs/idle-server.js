/** The least that can be reached: a bare `net` server, to which a postmaster is compared. */
import { createServer } from 'node:net';

createServer(() => {}).listen(process.argv[2], () => process.send?.('listening', () => process.disconnect()));
