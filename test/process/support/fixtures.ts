/** Where the worker modules and programs of these tests are: plain files that tsc does not copy. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BackgroundWorkerHandle, Client, RegisterOptions } from '../../../src/index.js';

export const root = fileURLToPath(new URL('../../../../', import.meta.url));

export function fixturePath(name: string): string {
  return `${root}test/fixtures/process/${name}`;
}

export function fixtureUrl(name: string): string {
  return pathToFileURL(fixturePath(name)).href;
}

/** Registers an export of workers.mjs. */
export function register(
  client: Client,
  name: string,
  arg?: unknown,
  options: RegisterOptions = {},
): Promise<BackgroundWorkerHandle> {
  return client.module(fixtureUrl('workers.mjs')).register(name, arg, options);
}

/** The same, and waits until its function was entered. */
export function launch(
  client: Client,
  name: string,
  arg?: unknown,
  options: RegisterOptions = {},
): Promise<BackgroundWorkerHandle> {
  return client.module(fixtureUrl('workers.mjs')).launch(name, arg, options);
}
