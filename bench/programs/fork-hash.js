/** A task in a child of `child_process.fork`: the hash of its argument, and the end. */
import { createHash } from 'node:crypto';

process.send(createHash('sha256').update(process.argv[2]).digest('hex'), () => process.disconnect());
