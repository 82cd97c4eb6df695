/**
 * Copies of the built package as other versions of it, installed in projects of their own: the files that ship, with
 * another number in them. The packages that they depend on are links to ours.
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PACKAGE_VERSION } from '../../../src/protocol/index.js';
import { fixturePath, root } from './fixtures.js';

const [major, minor] = PACKAGE_VERSION.split('.').map(Number);

/** So many minor versions after ours. */
export function versionAfter(steps: number): string {
  return `${major}.${(minor ?? 0) + steps}.0`;
}

export class Copies implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'bgworker-copies-'));
  #copies = 0;

  /** A project that has installed this version, and the programs of test/fixtures/process/upgrades. */
  project(version: string): Project {
    const folder = this.place(`project-${version}`);
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    for (const name of ['commander', 'valibot']) {
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    const programs = fixturePath('upgrades');
    for (const name of readdirSync(programs)) copyFileSync(join(programs, name), join(folder, name));
    const path = join(folder, 'node_modules/bgworker');
    install(path, version);
    mkdirSync(join(folder, 'node_modules/.bin'));
    symlinkSync('../bgworker/dist/src/postmaster/command.cjs', join(folder, 'node_modules/.bin/bgworker'));
    chmodSync(join(path, 'dist/src/postmaster/command.cjs'), 0o755);
    return { folder, path: `${path}/` };
  }

  /** The package as an installer would unpack it, before it is moved into its place. */
  unpack(version: string): string {
    this.#copies += 1;
    const path = this.place(`unpacked-${this.#copies}`);
    install(path, version);
    return path;
  }

  place(name: string): string {
    return join(this.#folder, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export interface Project {
  readonly folder: string;
  /** Of the package, as it introduces itself. */
  readonly path: string;
}

function install(path: string, version: string): void {
  for (const file of ['package.json', ...programsBelow('dist/src')]) {
    const text = readFileSync(join(root, file), 'utf8');
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(
      join(path, file),
      text.replaceAll(`'${PACKAGE_VERSION}'`, `'${version}'`).replaceAll(`"${PACKAGE_VERSION}"`, `"${version}"`),
    );
  }
}

function programsBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return programsBelow(path);
    return /\.(?:c?js|sh)$/.test(path) ? [path] : [];
  });
}
