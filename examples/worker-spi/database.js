/**
 * SQLite, from Node where Node has it (from 22.13), or else from the package libsql. Only this file knows that there are
 * two; the others use what both offer alike: exec(), prepare() with all() and run(), close(). Not get(), which in libsql
 * leaves its statement open, and with it a lock.
 *
 * It takes the place of PostgreSQL's SPI, by which a worker there runs SQL inside the server.
 */
import { isBuiltin } from 'node:module';

const Database = isBuiltin('node:sqlite')
  ? (await import('node:sqlite')).DatabaseSync
  : (await import('libsql')).default;

/**
 * How long a statement waits for another process to finish its transaction. SQLite waits inside the call, where a worker
 * hears nothing, so this must be well below the five seconds that a worker has to stop.
 */
const BUSY_TIMEOUT_MS = 2_000;

export function openDatabase(path) {
  try {
    const database = new Database(path);
    database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return database;
  } catch (cause) {
    throw new Error(`cannot open the database ${path}`, { cause });
  }
}

/**
 * All of `work` or nothing, also if this process is killed on the way. `immediate` asks for the right to write at the
 * beginning: two that both have read and then both want to write would have to be refused.
 */
export function inTransaction(database, work) {
  database.exec('begin immediate');
  try {
    const result = work();
    database.exec('commit');
    return result;
  } catch (error) {
    try {
      database.exec('rollback');
    } catch {
      // SQLite has done so already, for a full disk for example. What went wrong first is what should be told.
    }
    throw error;
  }
}
