/**
 * What the kernel lets this process and all others of its cgroup have: processors, memory, threads. A container's limits are
 * exactly that, and neither `os.totalmem()` nor, on Node 20, `os.availableParallelism()` knows of them.
 *
 * - A group may have no more than any of those above it, so the least counts, from our own up to the root that we can see.
 * - Both versions are read, and a machine with both at once. Where there are none (not Linux, nothing mounted), nothing
 *   is limited.
 * - Only files are read, so made-up trees test it: `root` is `/` but there.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CgroupLimit {
  readonly value: number;
  /** Which file says so. */
  readonly file: string;
}

export interface CgroupLimits {
  /** Processors' worth of time; may be a fraction. Null: no limit. */
  readonly cpus: CgroupLimit | null;
  readonly memoryBytes: CgroupLimit | null;
  /** Threads, of which each process has at least one. */
  readonly tasks: CgroupLimit | null;
}

/** How one version writes a limit into the files of a group's folder. */
interface Dialect {
  readonly controller: 'cpu' | 'memory' | 'pids';
  readonly version: 1 | 2;
  readonly file: string;
  /** `read` gives another file of the same folder. */
  readonly parse: (text: string, read: (file: string) => string | undefined) => number | null;
}

const dialects: readonly Dialect[] = [
  { controller: 'cpu', version: 2, file: 'cpu.max', parse: parseCpuMax },
  { controller: 'memory', version: 2, file: 'memory.max', parse: parseCount },
  { controller: 'pids', version: 2, file: 'pids.max', parse: parseCount },
  {
    controller: 'cpu',
    version: 1,
    file: 'cpu.cfs_quota_us',
    parse: (quota, read) => parseCpuMax(`${quota.trim()} ${read('cpu.cfs_period_us') ?? ''}`),
  },
  { controller: 'memory', version: 1, file: 'memory.limit_in_bytes', parse: parseCount },
  { controller: 'pids', version: 1, file: 'pids.max', parse: parseCount },
];

/** Version 1 says "no limit" by the largest number of whole pages. */
const LARGEST_REAL_COUNT = 2 ** 60;

export function readCgroupLimits(root = '/'): CgroupLimits {
  const memberships = (readText(join(root, '/proc/self/cgroup')) ?? '').split('\n').flatMap(parseMembership);
  const mounts = (readText(join(root, '/proc/self/mountinfo')) ?? '').split('\n').flatMap(parseMount);
  const least = (controller: Dialect['controller']): CgroupLimit | null => {
    const found = dialects
      .filter((dialect) => dialect.controller === controller)
      .flatMap((dialect) =>
        foldersOf(dialect, memberships, mounts).flatMap((folder) => readLimit(root, folder, dialect)),
      );
    return found.reduce<CgroupLimit | null>(
      (lowest, limit) => (lowest === null || limit.value < lowest.value ? limit : lowest),
      null,
    );
  };
  return { cpus: least('cpu'), memoryBytes: least('memory'), tasks: least('pids') };
}

interface Membership {
  /** Empty in version 2, where one group is for everything. */
  readonly controllers: readonly string[];
  readonly path: string;
}

interface Mount {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  /** The group that is seen at `folder`: in a container often its own, while `/proc/self/cgroup` tells the host's path. */
  readonly group: string;
  readonly folder: string;
}

/** `4:cpu,cpuacct:/docker/1234` or, in version 2, `0::/user.slice`. */
function parseMembership(line: string): Membership[] {
  const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
  if (controllers === undefined || path === undefined) return [];
  return [{ controllers: controllers.split(',').filter((name) => name !== ''), path }];
}

/** `32 31 0:29 /docker/1234 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu`; see proc(5). */
function parseMount(line: string): Mount[] {
  const [place = '', kind = ''] = line.split(' - ');
  const [type, , options = ''] = kind.split(' ');
  const [, , , group, folder] = place.split(' ').map(unescapeOctal);
  if ((type !== 'cgroup' && type !== 'cgroup2') || group === undefined || folder === undefined) return [];
  return [{ version: type === 'cgroup2' ? 2 : 1, controllers: options.split(','), group, folder }];
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The folders of our group and of all above it, as far up as is mounted. */
function foldersOf({ controller, version }: Dialect, memberships: readonly Membership[], mounts: readonly Mount[]) {
  const isOurs = ({ controllers }: Membership): boolean =>
    version === 2 ? controllers.length === 0 : controllers.includes(controller);
  const isSeen = (mount: Mount): boolean =>
    mount.version === version && (version === 2 || mount.controllers.includes(controller));
  const membership = memberships.find(isOurs);
  const mount = mounts.find(isSeen);
  if (membership === undefined || mount === undefined) return [];
  const folders = [mount.folder];
  const below = pathBelow(mount.group, membership.path);
  for (let path = below; path !== '/'; path = dirname(path)) folders.push(join(mount.folder, path));
  return folders;
}

/** `/` where the one does not lie below the other: then what is mounted is all that we can see. */
function pathBelow(group: string, path: string): string {
  if (path.split('/').includes('..')) return '/';
  if (group === '/') return path;
  return path.startsWith(`${group}/`) ? path.slice(group.length) : '/';
}

function readLimit(root: string, folder: string, { file, parse }: Dialect): CgroupLimit[] {
  const read = (name: string): string | undefined => readText(join(root, folder, name));
  const text = read(file);
  const value = text === undefined ? null : parse(text, read);
  return value === null ? [] : [{ value, file: join(folder, file) }];
}

/** `150000 100000` is one and a half processors; `max 100000` and `-1 100000` are all of them. */
function parseCpuMax(text: string): number | null {
  const [quota, period] = text.trim().split(/\s+/).map(Number);
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return null;
  return quota / period;
}

function parseCount(text: string): number | null {
  const count = Number(text.trim() || 'max');
  return count >= 0 && count < LARGEST_REAL_COUNT ? count : null;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A controller that is off has no files, and neither has the root group.
    return undefined;
  }
}
