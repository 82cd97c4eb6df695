/**
 * A postmaster that is stopped: it listens, with room for few, and stops itself as SIGSTOP would. Continued, it welcomes
 * everybody. It says its directory first.
 */
import { FakePostmaster } from './fakePostmaster.js';

const postmaster = await FakePostmaster.start(undefined, 1);
console.log(postmaster.directory);
process.on('SIGTERM', () => {
  postmaster.close();
  process.exit(0);
});
process.kill(process.pid, 'SIGSTOP');
