/** The other process. BGWORKER_DIR says where the postmaster is, the argument which worker is meant. */
import { connect } from 'bgworker';

const client = await connect();
const handle = await client.handle(process.argv[2]);
console.log('elsewhere:', handle.name, handle.status, handle.phase);
await handle.terminate();
const { reason } = await handle.waitForShutdown();
console.log('elsewhere:', handle.status, reason.kind);
await client.close();
