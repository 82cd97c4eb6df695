/**
 * How this copy of the package introduces itself: in hello and welcome, and in the text that says which two copies
 * cannot understand each other.
 *
 * The version is written here and not read from package.json, since a bundle has none; a test holds the two together.
 * A bundle has also left the place where our other files are; of the files that may end up in one, only this asks where
 * it is, and none fails because the answer is not the usual one.
 */
import { fileURLToPath } from 'node:url';
import type { Introduction } from './message.js';
import { PROTOCOL_VERSION } from './message.js';

export const PACKAGE_VERSION = '0.1.0';

/** In a bundle it is the bundle's, and in one that is CommonJS there is none. */
const ownUrl = import.meta.url as string | undefined;
const ownPath = ownUrl?.startsWith('file:') === true ? fileURLToPath(ownUrl) : undefined;

/** The file that this one was joined into by our own build (scripts/join-folders.mjs, scripts/join-boot-files.mjs). */
const IN_PACKAGE =
  /^(.*[\\/])dist[\\/]src[\\/](?:protocol[\\/]joined\.js|postmaster[\\/](?:boot|command|configuration|daemon)\.cjs)$/;

/** The folder that holds package.json, with a slash behind it; undefined in a bundle. */
export const PACKAGE_FOLDER = IN_PACKAGE.exec(ownPath ?? '')?.[1];

/** Which copy this is, for people: that folder, or the program that it was bundled into. */
export const PACKAGE_PATH = PACKAGE_FOLDER ?? ownPath ?? process.argv[1] ?? process.execPath;

export function introduce(): Introduction {
  return {
    protocol: PROTOCOL_VERSION,
    package: PACKAGE_VERSION,
    path: PACKAGE_PATH,
    node: process.version,
    pid: process.pid,
  };
}
