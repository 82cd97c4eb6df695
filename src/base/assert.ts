/**
 * What must hold if our own code is right. A failed assertion is our fault, never the caller's and never the world's:
 * it is not caught anywhere, and the process that finds it ends rather than going on with a state nobody understands.
 */

class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

/** For an error, of whatever kind, that nobody but us can have brought about: who catches the known ones lets it pass. */
export function ourFault(what: string, cause: unknown): never {
  throw new AssertionFailed(what, { cause });
}

/** Ends every switch over a union: the compiler refuses the call while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unexpected value: ${JSON.stringify(value)}`);
}
