/**
 * What holds for a daemon where nobody says: nobody watches its terminal, so it says more, passes on what workers print as
 * it is, and has spares at once. Whoever judges its configuration does so on top of this.
 */
import { defaultSlots } from '../../postmaster/index.js';
import type { Overrides } from '../config/evaluate.js';

export function daemonDefaults(): Overrides {
  return { maxWorkerProcesses: defaultSlots('daemon'), spareWorkers: 2, output: 'raw', logLevel: 'info' };
}
