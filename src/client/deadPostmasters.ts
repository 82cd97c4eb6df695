/**
 * The epochs of postmasters that this process knows to be dead, so that a handle of one of them says so instead of
 * being refused as a stranger's. Bounded; the oldest is forgotten.
 */
const MAX_KNOWN = 1_000;

const dead = new Set<string>();

export function rememberDeath(epoch: string): void {
  dead.delete(epoch);
  dead.add(epoch);
  const [oldest] = dead;
  if (dead.size > MAX_KNOWN && oldest !== undefined) dead.delete(oldest);
}

export function isKnownDead(epoch: string): boolean {
  return dead.has(epoch);
}
