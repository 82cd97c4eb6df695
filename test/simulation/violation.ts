/**
 * A promise of the core that was found broken. It is told apart from a mistake of the simulation itself by its class,
 * and carries the promise in words.
 */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function expect(condition: boolean, promise: string): asserts condition {
  if (!condition) throw new Violation(promise);
}
