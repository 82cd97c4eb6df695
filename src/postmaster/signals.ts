/**
 * What signals mean to a postmaster. Containers and service managers send SIGTERM and wait 10 to 90 seconds before they
 * kill, so SIGTERM is fast here, as SIGINT is; PostgreSQL's smart shutdown, which may wait for ever, is a command.
 * SIGQUIT is immediate. SIGHUP does not end it.
 */
import type { Postmaster } from './postmaster.js';

/** Gives a function that stops listening. */
export function listenToSignals(postmaster: Postmaster, reload: () => void = () => {}): () => void {
  const handlers: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ['SIGTERM', () => postmaster.shutdown('fast')],
    ['SIGINT', () => postmaster.shutdown('fast')],
    ['SIGQUIT', () => postmaster.shutdown('immediate')],
    ['SIGHUP', reload],
  ];
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}
