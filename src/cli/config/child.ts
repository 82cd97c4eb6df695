/**
 * A configuration is code, so a process of its own evaluates it: what it imports, leaves open or breaks is gone with
 * that process. It is given the file's path, and tells on descriptor 3 the settings as plain data, or what is wrong with
 * them. It may be newer than the daemon that started it, or older, and says so if they do not fit. What the file throws
 * is not caught: Node prints it with the place, and that is what the user is shown.
 *
 * Descriptor 4 is its life line: whoever wanted the answer may be killed, and a file that waits would wait for ever.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { BgworkerError } from '../../base/index.js';
import type { Introduction } from '../../protocol/index.js';
import { encodeFailure, encodeSettings, introduce, whyNotStarted } from '../../protocol/index.js';
import { loadConfig } from './loadConfig.js';
import { readConfig } from './readConfig.js';

const ANSWER_DESCRIPTOR = 3;
const LIFE_LINE_DESCRIPTOR = 4;

const gone = (): void => process.exit(1);
new Socket({ fd: LIFE_LINE_DESCRIPTOR, readable: true }).on('error', gone).on('end', gone).resume().unref();

/** What Node gives where a module waits for what never comes. */
const NEVER_SETTLED = 13;

const [, , file = '', postmaster = '', directory = ''] = process.argv;
void tell(file).then(() => {
  // Whatever the file has left open.
  process.exit(0);
});
process.once('beforeExit', () => process.exit(NEVER_SETTLED));

/** What it throws is not ours to catch. */
async function tell(path: string): Promise<void> {
  try {
    const why = whyNotStarted(JSON.parse(postmaster) as Introduction, introduce(), directory);
    if (why !== undefined) throw new BgworkerError(why.code, why.message, why);
    write(encodeSettings({ ...(await readConfig(await loadConfig(path), path)) }));
  } catch (error) {
    if (!(error instanceof BgworkerError)) throw error;
    write(encodeFailure(error));
  }
}

function write(bytes: Buffer): void {
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(ANSWER_DESCRIPTOR, bytes, sent);
}
