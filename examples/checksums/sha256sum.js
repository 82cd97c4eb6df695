/** The other opinion: sha256sum, as a command. */
import { spawn, spawnSync } from 'node:child_process';

/** Of paths in one command line: well below what any system allows. */
const MAX_BYTES = 64 * 1024;

export function hasSha256sum() {
  return spawnSync('sha256sum', ['/dev/null']).status === 0;
}

/** From path to checksum; what it cannot read is missing. */
export async function sha256sum(paths) {
  const sums = new Map();
  for (const part of inParts(paths)) {
    for (const line of (await outputOf('sha256sum', ['--', ...part])).split('\n')) {
      // A line that begins with a backslash has a name with backslashes or line ends in it, written as \\ and \n.
      const [, escaped, hash, name] = /^(\\?)([0-9a-f]{64}) [ *](.*)$/s.exec(line) ?? [];
      if (hash === undefined) continue;
      const path =
        escaped === '' ? name : name.replace(/\\([\\nr])/g, (_, what) => ({ n: '\n', r: '\r' })[what] ?? '\\');
      sums.set(path, hash);
    }
  }
  return sums;
}

function* inParts(paths) {
  let part = [];
  let bytes = 0;
  for (const path of paths) {
    bytes += Buffer.byteLength(path) + 1;
    if (bytes > MAX_BYTES && part.length > 0) {
      yield part;
      part = [];
      bytes = Buffer.byteLength(path) + 1;
    }
    part.push(path);
  }
  if (part.length > 0) yield part;
}

function outputOf(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', () => resolve(output));
  });
}
