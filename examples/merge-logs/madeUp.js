/** Log files that are the same each time: six services that say something every few milliseconds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SERVICES = ['api', 'auth', 'cart', 'mail', 'search', 'stock'];
const SAID = ['request served', 'cache filled', 'connection opened', 'connection closed', 'took longer than usual'];

/** Writes them into the directory, and gives back their paths. */
export function writeLogs(directory, linesPerFile = 3_000) {
  let random = 1;
  const next = (below) => {
    // Numerical Recipes' linear congruential generator.
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((random / 2 ** 32) * below);
  };
  return SERVICES.map((service) => {
    let time = Date.UTC(2026, 0, 1);
    const lines = Array.from({ length: linesPerFile }, () => {
      time += next(20);
      const level = next(500) === 0 ? 'ERROR' : 'info';
      return `${new Date(time).toISOString()} ${level} ${SAID[next(SAID.length)]} (${next(1_000)})`;
    });
    const path = join(directory, `${service}.log`);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  });
}
