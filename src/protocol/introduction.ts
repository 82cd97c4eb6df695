/**
 * How this copy of the package introduces itself: in hello and welcome, and in the text that says which two copies
 * cannot understand each other.
 *
 * The version is written here and not read from package.json, since a bundle has none; a test holds the two together.
 */
import { fileURLToPath } from 'node:url';
import type { Introduction } from './message.js';
import { PROTOCOL_VERSION } from './message.js';

export const PACKAGE_VERSION = '0.1.0';

/** The folder that holds package.json: this file is `dist/src/protocol/introduction.js` in it. */
export const PACKAGE_PATH = fileURLToPath(new URL('../../..', import.meta.url));

export function introduce(): Introduction {
  return {
    protocol: PROTOCOL_VERSION,
    package: PACKAGE_VERSION,
    path: PACKAGE_PATH,
    node: process.version,
    pid: process.pid,
  };
}
