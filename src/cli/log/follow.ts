/**
 * Whoever follows a log is woken by the system whenever something in its directory changes, and looks then. Nothing is
 * polled. The watch is there before the first look, so nothing is written unseen between the two.
 */
import { existsSync, watch } from 'node:fs';
import { BgworkerError } from '../../base/index.js';
import { Latch } from '../../protocol/index.js';
import type { LogReader } from './logReader.js';

interface News {
  readonly lines: readonly string[];
  /** Some lines before these may be lost: the log was put away more often than it was read. */
  readonly isTorn: boolean;
}

/** Ends when the directory is gone. */
export async function* follow(directory: string, log: LogReader): AsyncGenerator<News, void> {
  const changed = new Latch();
  let failure: Error | null = null;
  const watcher = watchDirectory(directory, () => changed.set()).on('error', (error) => {
    failure = error;
    changed.set();
  });
  try {
    for (;;) {
      changed.reset();
      const news = log.next();
      if (news !== undefined && (news.lines.length > 0 || news.isTorn)) yield news;
      if (!existsSync(directory)) return;
      await changed.wait();
      if (failure !== null) throw cannotFollow(failure);
    }
  } finally {
    watcher.close();
  }
}

function watchDirectory(directory: string, onChange: () => void): ReturnType<typeof watch> {
  try {
    return watch(directory, onChange);
  } catch (error) {
    throw cannotFollow(error as Error);
  }
}

function cannotFollow({ message }: Error): BgworkerError {
  return new BgworkerError('ERR_CANNOT_FOLLOW', 'the system does not watch the directory for us', {
    detail: message,
    hint: 'raise fs.inotify.max_user_watches and max_user_instances, or leave out --follow',
  });
}
