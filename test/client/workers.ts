/**
 * Workers for the tests of the client. Plain functions, so that a test may name them without importing the worker side.
 */
export function double(_context: unknown, value: number): number {
  return value * 2;
}

export async function fail(): Promise<never> {
  throw new TypeError('no');
}

export async function waitForEver(context: { signal: AbortSignal }): Promise<void> {
  await new Promise((_, reject) => context.signal.addEventListener('abort', () => reject(context.signal.reason)));
}
