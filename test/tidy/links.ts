/**
 * The rule about documents: a link to a file of ours leads to one. Links elsewhere are nobody's business here, since a
 * test must not need the network.
 */
import { existsSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import type { Problem } from './source.js';
import { pathsBelow, readText, root } from './source.js';

/** The documents at the root, and all of docs/. */
export function documentProblems(): Problem[] {
  const paths = [...readdirSync(root).filter((name) => name.endsWith('.md')), ...pathsBelow('docs', '.md')];
  return paths.flatMap((path) => linkProblems(path, readText(path)));
}

export function linkProblems(path: string, markdown: string): Problem[] {
  const prose = markdown.replace(/^```.*?^```/gms, (block) => block.replace(/[^\n]/g, '')).replace(/`[^`\n]*`/g, '');
  return prose.split('\n').flatMap((text, index) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      const file = link.split('#')[0] ?? '';
      const isElsewhere = /^[a-z]+:/i.test(link) || file === '';
      if (isElsewhere || existsSync(root + posix.join(posix.dirname(path), file))) return [];
      return [{ path, line: index + 1, advice: `there is no ${file}: write it, or correct the link` }];
    }),
  );
}
