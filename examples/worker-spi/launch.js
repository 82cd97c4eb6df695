/**
 * The two ways in which such a worker comes to be: listed in the postmaster's configuration (PostgreSQL: _PG_init), or
 * launched by whoever wants one (worker_spi_launch). In a file of its own, so that a worker does not load what only those
 * need who start it.
 */
import { BgworkerError, WorkerStartError } from 'bgworker';
import { readSettings, SETTINGS_FILE } from './settings.js';
import { workerSpi } from './workerSpi.js';

/** A failure starts it again, soon at first and ever later. PostgreSQL's is never started again. */
const RESTART = {
  restart: 'onFailure',
  restartTimeMs: 100,
  restartBackoff: { factor: 2, maxMs: 60_000, jitter: 0.2 },
};

/** Workers 1 to totalWorkers, for `startPostmaster({ workers })` and bgworker.config.js. */
export function staticWorkers(settingsFile = SETTINGS_FILE) {
  return Array.from({ length: readSettings(settingsFile).totalWorkers }, (_, i) => ({
    worker: workerSpi,
    arg: { index: i + 1, settingsFile },
    name: `worker_spi worker ${i + 1}`,
    type: 'worker_spi',
    ...RESTART,
  }));
}

/**
 * SELECT worker_spi_launch(index): the pid of a worker whose table is there, or null when no slot is free. Throws when it
 * could not be started, and then nothing of it is left.
 */
export async function launch(client, index, settingsFile = SETTINGS_FILE) {
  const name = `worker_spi dynamic worker ${index}`;
  const arg = { index, settingsFile };
  const handle = await client.tryRegister(workerSpi, arg, { name, type: 'worker_spi dynamic', ...RESTART });
  if (handle === null) return null;

  const startup = await handle.waitForStartup({ until: 'ready' });
  switch (startup.status) {
    case 'started':
      return startup.pid;
    case 'stopped': {
      const { reason } = startup;
      // It would be tried again: not for somebody who was told that it failed.
      await handle.terminate();
      throw new WorkerStartError('could not start background process', {
        reason,
        willRestart: false,
        handle,
        detail: `${name}: ${reason.kind}${reason.error ? `, ${reason.error.message}` : ''}`,
      });
    }
    case 'postmasterDied':
      throw new BgworkerError('ERR_POSTMASTER_DIED', 'cannot start background processes without postmaster', {
        hint: 'start a postmaster; nothing of the old one is left that you would have to end',
      });
  }
}
