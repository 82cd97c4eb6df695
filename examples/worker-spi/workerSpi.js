/**
 * What PostgreSQL's worker_spi does, as a worker here: it makes a table and keeps it summed up. A round folds what was
 * added; between two rounds it sleeps on its latch, for a naptime at most.
 *
 * It knows nothing that its table does not know, so it may die anywhere, and its next attempt goes on. Errors are for the
 * postmaster, which makes that attempt (launch.js); only settings that are not right are caught here.
 */
import { defineWorker } from 'bgworker/worker';
import { openCounted } from './counted.js';
import { openDatabase } from './database.js';
import { readSettings } from './settings.js';

export const workerSpi = defineWorker(import.meta, async (ctx, { index, settingsFile }) => {
  let settings = readSettings(settingsFile);
  let isReloadPending = false;
  // Only noted, as PostgreSQL's handler of SIGHUP does: the latch is set as well, and the loop looks when it can.
  ctx.onReload(() => {
    isReloadPending = true;
  });

  const database = openDatabase(settings.database);
  try {
    const counted = openCounted(database, index);
    ctx.log.info(`initialized with ${counted.name}`);

    for (let deltas = 0; ; ) {
      // Reset first and look then: whatever comes from here on ends the wait below.
      ctx.latch.reset();
      if (isReloadPending) {
        isReloadPending = false;
        readSettingsAgain();
      }
      const folded = counted.fold();
      if (folded !== null) {
        deltas += folded.deltas;
        ctx.progress(deltas);
        ctx.log.info(`count in ${counted.name} is now ${folded.total}`);
      }
      // Ready is: the table is there, and what an earlier attempt left is summed up. The first call says so.
      ctx.ready();
      // Rejects when this worker is asked to stop or its postmaster dies, and so ends it in order.
      await ctx.latch.wait({ timeoutMs: settings.naptimeMs });
    }
  } finally {
    database.close();
  }

  /** Those that are not right change nothing, as in PostgreSQL. Another database is for the next attempt. */
  function readSettingsAgain() {
    try {
      settings = readSettings(settingsFile);
      ctx.log.info(`naptime is now ${settings.naptimeMs} ms`);
    } catch (error) {
      ctx.log.warn('the settings stay as they were', error);
    }
  }
});
