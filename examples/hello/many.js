// many.js
import { createPool, parallelMap } from 'bgworker/parallel';
import { hash } from './hash.js';

for await (const digest of parallelMap(['hello', 'world'], hash)) console.log(digest.slice(0, 8)); // in the items' order

const pool = createPool({ size: 2 }); // for a server: processes that stay, one call at a time for each
console.log(await pool.run(hash, 'hello', { timeoutMs: 1_000 }));
await pool.close();
