/** A worker that keeps a table summed up, through a reload of its settings and through a SIGKILL. */
import { EventEmitter, on } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostmaster } from 'bgworker';
import { openDatabase } from './database.js';
import { launch } from './launch.js';

const directory = mkdtempSync(join(tmpdir(), 'worker-spi-'));
const settingsFile = join(directory, 'worker-spi.json');
writeFileSync(settingsFile, '{ "naptimeMs": 3600000 }');

// The postmaster's log comes to us: each line is an event, and none is missed between two looks.
const log = new EventEmitter();
const lines = on(log, 'line');
const tell = (_fields, line) => log.emit('line', line);
const logger = { trace: tell, debug: tell, info: tell, warn: tell, error: tell, fatal: tell };

const client = await startPostmaster({ logger });
const closed = client.waitForClose(); // A wait keeps this program alive, as long as there is a postmaster; a log does not.
const pid = await launch(client, 4, settingsFile);
const database = openDatabase(join(directory, 'worker-spi.db'));
console.log('worker 4 is there; rows in its table:', database.prepare('select * from schema4_counted').all().length);

database.exec("insert into schema4_counted values ('total', 0), ('delta', 1)");
writeFileSync(settingsFile, '{ "naptimeMs": 100 }');
await client.reload();
await logged('naptime is now');
await logged('count in schema4_counted is now 1');

process.kill(pid, 'SIGKILL');
database.exec("insert into schema4_counted values ('delta', 2), ('delta', 39)");
await logged('count in schema4_counted is now 42');

for (const worker of await client.activity()) {
  console.log(`${worker.type}: start ${worker.attempts}, ${worker.pid === pid ? 'the same' : 'another'} process`);
}
database.close();
await client.close();
console.log('the end:', await closed);
rmSync(directory, { recursive: true });

/** Shows the next line of the log that says this. */
async function logged(words) {
  for (;;) {
    const { value } = await lines.next();
    if (value[0].includes(words)) return console.log('log:', value[0]);
  }
}
