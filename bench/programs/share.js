/** A child of `fork` that works off what it is sent, alone: what the machine allows when nobody has to be asked for more. */
import { burn } from './tasks.cjs';

process.on('message', (items) => process.send(items.map(burn)));
process.send('ready');
