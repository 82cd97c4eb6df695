/**
 * The rule about documents: a link to a file of ours leads to one, and a link to a heading leads to that. Links elsewhere
 * are nobody's business here, since a test must not need the network.
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
  const prose = withoutBlocks(markdown).replace(/`[^`\n]*`/g, '');
  return prose.split('\n').flatMap((text, index) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      const advice = adviceFor(path, markdown, link);
      return advice === undefined ? [] : [{ path, line: index + 1, advice }];
    }),
  );
}

function adviceFor(path: string, markdown: string, link: string): string | undefined {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [file = '', heading] = link.split('#');
  const target = file === '' ? path : posix.join(posix.dirname(path), file);
  if (!existsSync(root + target)) return `there is no ${file}: write it, or correct the link`;
  if (heading === undefined || !target.endsWith('.md')) return undefined;
  const names = headingNames(file === '' ? markdown : readText(target));
  return names.has(heading) ? undefined : `${target} has no heading #${heading}`;
}

/** Of each heading, the name by which GitHub lets one link to it. */
function headingNames(markdown: string): ReadonlySet<string> {
  const headings = [...withoutBlocks(markdown).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text);
  const spoken = headings.map((text) =>
    text
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .trim()
      .toLowerCase(),
  );
  return new Set(spoken.map((text) => text.replace(/[^\p{L}\p{N}_\- ]/gu, '').replaceAll(' ', '-')));
}

/** Lines stay where they are. */
function withoutBlocks(markdown: string): string {
  return markdown.replace(/^```.*?^```/gms, (block) => block.replace(/[^\n]/g, ''));
}
