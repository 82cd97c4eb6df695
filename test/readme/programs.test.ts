/**
 * What the README and the pages of docs/ show runs when it is pasted, and prints what they say it prints.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isShown, makeProject, programsIn, readPage, root } from './pages.js';

const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)].filter((path) =>
  path.endsWith('.md'),
);

for (const page of pages) {
  for (const [index, { files, prints }] of programsIn(readPage(page)).entries()) {
    test(`program ${index + 1} of ${page} runs when it is pasted, and prints what is shown`, () => {
      const project = makeProject(files);
      try {
        const { stdout, stderr, status } = spawnSync(process.execPath, ['app.js'], {
          cwd: project.directory,
          encoding: 'utf8',
          env: withoutBgworker(process.env),
          timeout: 60_000,
        });
        const said = stdout + stderr;
        assert.equal(status, 0, said);
        assert.ok(isShown(said, prints), `it printed\n${said}\nand the page shows\n${prints}`);
      } finally {
        project.remove();
      }
    });
  }
}

test('the README has a program, and every block of JavaScript that names a file belongs to one', () => {
  assert.ok(programsIn(readPage('README.md')).length > 0);
  for (const page of pages) {
    const named = [...readPage(page).matchAll(/^```js\n\/\/ [\w-]+\.[cm]?js\b/gm)].length;
    const used = programsIn(readPage(page)).reduce((sum, { files }) => sum + files.size, 0);
    assert.equal(used, named, `${page}: a program without a block of text that shows what it prints`);
  }
});

function withoutBgworker(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('BGWORKER_')));
}
