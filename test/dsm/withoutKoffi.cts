/** Preloaded: as if the optional dependency had been left out at the installation. */
import Module = require('node:module');

const resolver = Module as unknown as { _resolveFilename: (request: string, ...rest: unknown[]) => string };
const resolve = resolver._resolveFilename;
resolver._resolveFilename = (request, ...rest) => {
  if (request !== 'koffi') return resolve.call(resolver, request, ...rest);
  throw Object.assign(new Error("Cannot find module 'koffi'"), { code: 'MODULE_NOT_FOUND' });
};
