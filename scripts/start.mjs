/**
 * `npm start -- [directory]`: setup, then the main example in this very process, so that the terminal, Ctrl-C and the
 * exit code are its own.
 */
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

setup();
const main = new URL('../examples/checksums/main.js', import.meta.url);
process.argv = [process.execPath, fileURLToPath(main), ...process.argv.slice(2)];
await import(main.href);
