// app.js
import { launch, run } from 'bgworker';
import { hash } from './hash.js';

console.log(await run(hash, 'hello', { maxRunMs: 10_000 })); // its own process; ended when time is up

const handle = await launch(hash, 'world'); // it has started; otherwise an error: what, why, where, the last output
console.log(handle.pid, await handle.result());
