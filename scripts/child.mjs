/**
 * A child that this process stands for: it has our terminal, gets our signals, and its exit code is ours.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './setup.mjs';

export function standFor(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
  return child;
}
