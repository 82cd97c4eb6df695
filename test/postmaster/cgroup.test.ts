/** What a container may have is found in made-up trees of /proc and /sys, and bounds the slots that nobody set. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readCgroupLimits } from '../../src/postmaster/cgroup.js';
import { slotsFor } from '../../src/postmaster/slotDefaults.js';

const MiB = 1024 ** 2;
const version2Mount = '30 20 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const version1Mounts = (group: string) =>
  `30 20 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs rw,mode=755
31 30 0:27 ${group} /sys/fs/cgroup/cpu,cpuacct ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 ${group} /sys/fs/cgroup/memory ro,nosuid master:12 - cgroup cgroup rw,memory\n`;

interface Machine {
  readonly title: string;
  readonly files: Readonly<Record<string, string>>;
  readonly cpus: number | null;
  readonly memoryBytes: number | null;
  readonly tasks?: number;
}

const machines: readonly Machine[] = [
  {
    title: 'a container of version 2 sees its own group as the root',
    files: {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/memory.max': `${512 * MiB}\n`,
      '/sys/fs/cgroup/pids.max': '100\n',
    },
    tasks: 100,
    cpus: 1.5,
    memoryBytes: 512 * MiB,
  },
  {
    title: 'a service of version 2 may have no more than any slice above it',
    files: {
      '/proc/self/cgroup': '0::/system.slice/app.slice/app.service\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/system.slice/cpu.max': '400000 100000\n',
      '/sys/fs/cgroup/system.slice/memory.max': 'max\n',
      '/sys/fs/cgroup/system.slice/app.slice/cpu.max': '50000 100000\n',
      '/sys/fs/cgroup/system.slice/app.slice/memory.max': `${256 * MiB}\n`,
      '/sys/fs/cgroup/system.slice/app.slice/app.service/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/system.slice/app.slice/app.service/memory.max': `${1024 * MiB}\n`,
    },
    cpus: 0.5,
    memoryBytes: 256 * MiB,
  },
  {
    title: "a container of version 1 sees its own group where the host's path would be",
    files: {
      '/proc/self/cgroup': '5:memory:/docker/1234\n4:cpu,cpuacct:/docker/1234\n1:name=systemd:/docker/1234\n',
      '/proc/self/mountinfo': version1Mounts('/docker/1234'),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${100 * MiB}\n`,
    },
    cpus: 2,
    memoryBytes: 100 * MiB,
  },
  {
    title: 'no limit is no limit, in the words of both versions at once',
    files: {
      '/proc/self/cgroup': '5:memory:/a\n4:cpu,cpuacct:/a\n0::/a\n',
      '/proc/self/mountinfo': `${version1Mounts('/')}33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
      '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/unified/a/memory.max': 'max\n',
    },
    cpus: null,
    memoryBytes: null,
  },
  {
    title: 'a group outside of what is mounted is bounded by what can be seen',
    files: {
      '/proc/self/cgroup': '0::/../neighbour\n',
      '/proc/self/mountinfo': '30 20 0:26 / /my\\040cgroups rw - cgroup2 cgroup2 rw\n',
      '/my cgroups/cpu.max': '100000 100000\n',
    },
    cpus: 1,
    memoryBytes: null,
  },
  { title: 'a system without cgroups limits nothing', files: {}, cpus: null, memoryBytes: null },
];

for (const { title, files, cpus, memoryBytes, tasks = null } of machines) {
  test(title, () => {
    const root = mkdtempSync(join(tmpdir(), 'bgworker-cgroup-'));
    try {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      const limits = readCgroupLimits(root);
      const found = [limits.cpus, limits.memoryBytes, limits.tasks];
      assert.deepEqual(
        found.map((limit) => limit?.value ?? null),
        [cpus, memoryBytes, tasks],
      );
      for (const limit of found) {
        if (limit !== null) assert.ok(limit.file in files, `${limit.file} is the file that says so`);
      }
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}

test('slots that nobody set follow the processors, and never exceed what there is memory for', () => {
  const rows = [
    ['embedded', { cpus: 8, memoryBytes: null }, 16],
    ['embedded', { cpus: 2.5, memoryBytes: null }, 5],
    ['embedded', { cpus: 0.5, memoryBytes: null }, 4],
    ['embedded', { cpus: 8, memoryBytes: 512 * MiB }, 8],
    ['embedded', { cpus: 8, memoryBytes: 32 * MiB }, 1],
    ['daemon', { cpus: 2, memoryBytes: null }, 32],
    ['daemon', { cpus: 2, memoryBytes: 1024 * MiB }, 16],
  ] as const;
  for (const [kind, resources, slots] of rows)
    assert.equal(slotsFor(kind, resources), slots, JSON.stringify(resources));
});
