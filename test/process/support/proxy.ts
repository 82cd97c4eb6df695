/**
 * A place between a client and its postmaster: a directory of its own whose socket passes everything on, and which the
 * test can cut. The client believes the directory it was told, so it comes back here when its connection is cut.
 */
import { rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

export interface Proxy {
  /** Ends every connection now, both ways, in the middle of whatever was under way. */
  cut(): void;
  /**
   * From now on what the postmaster says is swallowed, until the cut: whatever is asked is done, and nobody is told.
   * Resolves when the first of it was swallowed.
   */
  swallowReplies(): Promise<void>;
  /** How many connections there have been. */
  readonly connections: number;
  close(): void;
}

export async function openProxy(directory: string, postmasterDirectory: string): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let connections = 0;
  let swallowed: (() => void) | undefined;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(join(postmasterDirectory, 'postmaster.sock'));
    const pair = [near, far] as const;
    pairs.add(pair);
    const end = (): void => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => {
      if (swallowed === undefined) near.write(bytes);
      else swallowed();
    });
    for (const socket of pair) socket.on('error', end).on('close', end);
  });
  const path = join(directory, 'postmaster.sock');
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve);
  });
  server.unref();
  const cut = (): void => {
    for (const [near, far] of [...pairs]) {
      near.destroy();
      far.destroy();
    }
    pairs.clear();
    swallowed = undefined;
  };
  return {
    cut,
    swallowReplies: () =>
      new Promise((resolve) => {
        swallowed = resolve;
      }),
    get connections() {
      return connections;
    },
    close: () => {
      cut();
      server.close();
    },
  };
}
