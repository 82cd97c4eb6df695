/**
 * Whether two values that are plain data, or the bytes of an argument, say the same: whatever order their fields are in.
 * Node's own `isDeepStrictEqual` is not for this folder, and importing `node:util` would open a worker's standard error.
 */
export function isSameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return one.length === other.length && one.every((byte, index) => byte === other[index]);
  }
  const [names, others] = [Object.keys(one), Object.keys(other)];
  return (
    names.length === others.length &&
    names.every((name) => Object.hasOwn(other, name) && isSameValue(fieldOf(one, name), fieldOf(other, name)))
  );
}

function fieldOf(value: object, name: string): unknown {
  return (value as { readonly [field: string]: unknown })[name];
}
