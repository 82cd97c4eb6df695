/**
 * Checks of the postmaster that lives in the directory, by what it says of itself, and of the configuration that the
 * next one would be given. None being there is fine: most programs bring their own.
 */
import { existsSync, realpathSync } from 'node:fs';
import { PACKAGE_PATH, PACKAGE_VERSION } from '../../protocol/index.js';
import { versionOf } from './copies.js';
import type { Finding } from './finding.js';
import { ok, problem, warning } from './finding.js';
import type { Scene } from './scene.js';

export function checkPostmaster({ postmaster, place }: Scene): Finding {
  switch (postmaster.state) {
    case 'absent':
      return ok('none runs here');
    case 'dead':
      return ok('none runs here; the next start removes the socket of a dead one');
    case 'silent':
      return problem(
        `it accepts, and has not answered within ${postmaster.patienceMs} ms`,
        `is it stopped (kill -CONT) or busy? Its pid is in ${place.directory}/postmaster.pid. SIGKILL ends it and its workers`,
      );
    case 'refuses':
      return problem(
        [postmaster.error.message, postmaster.error.detail].join(': '),
        postmaster.error.hint ?? 'docs/errors.md explains it',
      );
    case 'answers': {
      const { pid, startedAt, state, clients } = postmaster.status;
      return ok(`pid ${pid}, ${state}, since ${startedAt.toISOString()}, ${clients - 1} other clients`);
    }
  }
}

/** A daemon outlives the `npm update` under it, and starts its workers from the files that are there then. */
export function checkVersion({ postmaster }: Scene): Finding | null {
  if (postmaster.state !== 'answers') return null;
  const { version, path } = postmaster.status;
  const running = `${version} in ${path}`;
  const restart = 'restart it: bgworker stop && bgworker start, with the command of the copy that you want';
  if (!existsSync(path)) return problem(`${running}, which is gone: it can start no worker`, restart);
  const installed = versionOf(path) ?? 'of no version';
  if (installed !== version) return warning(`${running}, where ${installed} was installed meanwhile`, restart);
  const ours = `${PACKAGE_VERSION} in ${PACKAGE_PATH}`;
  if (version !== PACKAGE_VERSION) return warning(`${running}; this command is ${ours}`, restart);
  const isOurs = realpathSync(path) === realpathSync(PACKAGE_PATH);
  return ok(isOurs ? `${version}, as this command` : `${running}; this command is another copy, in ${PACKAGE_PATH}`);
}

export function checkSlots({ postmaster }: Scene): Finding | null {
  if (postmaster.state !== 'answers') return null;
  const { used, max } = postmaster.status.slots;
  const found = `${used} of ${max} in use`;
  if (used < max) return ok(found);
  return warning(
    `${found}, ${postmaster.status.waiting} registrations wait`,
    'bgworker ps shows who has them; raise maxWorkerProcesses in the configuration, and: bgworker reload',
  );
}

export function checkSpares({ postmaster }: Scene): Finding | null {
  if (postmaster.state !== 'answers') return null;
  const { wanted, idle, booting, deaths, retryAt } = postmaster.spares;
  if (retryAt === null) return ok(`${idle} idle, ${booting} booting, ${wanted} wanted`);
  return warning(
    `${deaths} died by themselves`,
    'the log says why: bgworker logs. Often it is a module of preload, or NODE_OPTIONS',
  );
}

export function checkConfig({ config }: Scene): Finding {
  switch (config.state) {
    case 'none':
      return ok('none');
    case 'valid':
      return ok(`${config.file}, ${config.settings.workers.length} workers`);
    case 'invalid':
      return problem(
        [config.error.message, config.error.detail].join(': '),
        config.error.hint ?? 'docs/configuration.md explains it',
      );
  }
}
