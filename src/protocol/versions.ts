/**
 * Which copies of the package may talk to each other. A daemon outlives the update of the package under it, so this is
 * asked of two copies whenever they meet: a postmaster and a client, a postmaster and the files it starts workers from,
 * and, inside a worker, the postmaster's copy and the one that the worker's module imports.
 *
 * The rule: **the same protocol, the same major version, and minor versions at most one apart.** 0.1 talks to 0.2 and
 * not to 0.3; 1.4 talks to 1.3, 1.4 and 1.5. The patch counts for nothing. A pre-release belongs to the version it leads
 * to: 0.2.0-beta.1 is a 0.2. What is no version fits only itself.
 *
 * `PROTOCOL_VERSION` is the brake: as long as changes keep the rules of CONTRIBUTING.md ("Changing the protocol") it
 * stays what it is. It is raised for a change that cannot keep them, and then even neighbours refuse each other instead
 * of misunderstanding each other.
 *
 * Both sides of a connection ask, the postmaster at `hello` and the client at `welcome`, and what they say is made here,
 * so it is the same whoever says it: both versions, both places, both processes, and the command that mends it.
 */
import type { GoodbyeDetail, Introduction, Version } from './message.js';

export function mayTalk(one: Version, other: Version): boolean {
  if (one.protocol !== other.protocol) return false;
  if (one.package === other.package) return true;
  const here = read(one.package);
  const there = read(other.package);
  if (here === undefined || there === undefined) return false;
  return here.major === there.major && Math.abs(here.minor - there.minor) <= 1;
}

/** Why this postmaster and this client cannot talk to each other; undefined when they can. */
export function whyNotServed(
  postmaster: Introduction,
  client: Introduction,
  directory: string,
): GoodbyeDetail | undefined {
  if (mayTalk(postmaster, client)) return undefined;
  return {
    code: 'ERR_PROTOCOL_MISMATCH',
    message: 'the postmaster and its client are versions of bgworker that do not fit',
    detail: describeBoth(postmaster, client),
    hint: adviseClient(postmaster, client, directory),
  };
}

/** Why a process that this postmaster has started, from the files that are there now, cannot serve it; undefined when it can. */
export function whyNotStarted(
  postmaster: Introduction,
  started: Introduction,
  directory: string,
): GoodbyeDetail | undefined {
  if (mayTalk(postmaster, started)) return undefined;
  return {
    code: 'ERR_PROTOCOL_MISMATCH',
    message: 'the package under the postmaster was replaced by a version that does not fit it',
    detail: `the postmaster, ${describeCopy(postmaster)}; what it starts now, ${describeCopy(started)}`,
    hint: restart(directory),
  };
}

/** Why nothing can be started at all: the file that it would begin with is gone. */
export function whyNothingStarts(postmaster: Introduction, missing: string, directory: string): GoodbyeDetail {
  return {
    code: 'ERR_PACKAGE_REPLACED',
    message: 'the package under the postmaster was removed',
    detail: `${missing} is not there any more; the postmaster, ${describeCopy(postmaster)}`,
    hint: `if it is being installed at this moment, wait for that; otherwise ${restart(directory)}`,
  };
}

/** Why a request was not understood: the client is newer and asks for what this postmaster has not learned yet. */
export function whyNotUnderstood(
  postmaster: Introduction,
  client: Introduction,
  directory: string,
  problem: { readonly message: string; readonly detail?: string | undefined },
): GoodbyeDetail {
  return {
    code: 'ERR_NOT_SUPPORTED',
    message: 'the postmaster does not understand this request',
    detail: `${problem.message}: ${problem.detail ?? ''}; ${describeBoth(postmaster, client)}`,
    hint: isOlder(postmaster, client) ? restart(directory) : 'this is a fault of the client: report it, please',
  };
}

/** As it was started: one that lives beside its configuration finds that from there. */
function restart(directory: string): string {
  const [, project] = /^(.+)\/\.bgworker$/.exec(directory) ?? [];
  const place = `--directory ${quoted(directory)}`;
  const command =
    project === undefined
      ? `bgworker stop ${place} && bgworker start ${place} (with its --config, if it has one)`
      : `cd ${quoted(project)} && bgworker stop && bgworker start`;
  return `restart the postmaster: ${command}; or, if a program of yours started it, that program`;
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/** The older of two has to go, or to be updated. */
function adviseClient(postmaster: Introduction, client: Introduction, directory: string): string {
  if (!isOlder(client, postmaster)) return restart(directory);
  if (client.path === postmaster.path) {
    return `restart process ${client.pid}, whose files were replaced while it ran`;
  }
  return `npm install bgworker@${postmaster.package} where the client is, and start the client anew`;
}

function describeBoth(postmaster: Introduction, client: Introduction): string {
  return `the postmaster, ${describeCopy(postmaster)}; the client, ${describeCopy(client)}`;
}

function describeCopy({ package: version, protocol, path, pid }: Introduction): string {
  return `process ${pid}, is bgworker ${version} (protocol ${protocol}) in ${path}`;
}

function isOlder(one: Version, other: Version): boolean {
  const here = read(one.package) ?? { major: 0, minor: 0 };
  const there = read(other.package) ?? { major: 0, minor: 0 };
  if (here.major !== there.major) return here.major < there.major;
  if (here.minor !== there.minor) return here.minor < there.minor;
  return one.protocol < other.protocol;
}

function read(version: string): { readonly major: number; readonly minor: number } | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+(?:[-+].*)?$/.exec(version) ?? [];
  return minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
