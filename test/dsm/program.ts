/**
 * A program that makes a segment, in surroundings that the test has made: run as `node program.js SIZE`. It prints what
 * came of it as JSON, the error with its hint included, and whether the C library's wrapper had been loaded before.
 */
import { readFileSync } from 'node:fs';
import { startPostmaster } from '../../src/index.js';

const isLoaded = (): boolean => /koffi[^\n]*\.node$/m.test(readFileSync('/proc/self/maps', 'utf8'));

await using client = await startPostmaster({ spareWorkers: 0, output: 'ignore', logLevel: 'silent' });
const before = isLoaded();
const { createSegment, listSegments } = await import('../../src/dsm/index.js');
const whenImported = isLoaded();
const outcome = await createSegment(Number(process.argv[2]), { client }).then(
  (segment) => ({ made: segment.sizeBytes }),
  ({ code, message, detail, hint }: Record<string, string>) => ({ code, message, detail, hint }),
);
const left = outcome !== null && 'code' in outcome ? (await listSegments({ client })).length : 0;
process.stdout.write(JSON.stringify({ before, whenImported, after: isLoaded(), outcome, left }));
