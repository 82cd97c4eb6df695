/** A fake postmaster for one test, and workers of a module that nobody has. */
import type { TestContext } from 'node:test';
import type { BackgroundWorkerHandle, RegisterOptions } from '../../src/index.js';
import type { FakePostmaster, FakePostmasterSettings } from '../../src/testing/index.js';
import { createFakePostmaster } from '../../src/testing/index.js';

export async function fakeFor(t: TestContext, settings?: FakePostmasterSettings): Promise<FakePostmaster> {
  const fake = await createFakePostmaster(settings);
  t.after(() => fake.close());
  return fake;
}

/** Nobody looks whether it is there, where the test plays its workers or names their functions. */
export const module = 'file:///app/jobs.js';

export function register(
  { client }: FakePostmaster,
  name: string,
  options: RegisterOptions = {},
): Promise<BackgroundWorkerHandle> {
  return client.module(module).register(name, undefined, options);
}
