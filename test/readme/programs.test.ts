/**
 * What the README and the pages of docs/ show does what they say when it is pasted, from the top of a page to its end.
 */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import ts from 'typescript';
import { blocksIn, isShown, listPages, readPage, stepsIn } from './pages.js';
import { Project } from './project.js';

/** Pages that people come to with something to do. */
const isAboutSomethingToDo = (path: string): boolean => /^docs\/(tasks|coming-from)\//.test(path);

suite('pages', { concurrency: 2 }, () => {
  for (const page of listPages()) {
    const steps = stepsIn(readPage(page));
    const runs = steps.filter((step) => step.do === 'run');
    if (runs.length === 0) continue;
    test(`what ${page} shows runs when it is pasted, and prints what the page says (${runs.length})`, async () => {
      const project = new Project();
      try {
        for (const step of steps) {
          if (step.do === 'write') project.write(step.path, step.text);
          else {
            const { code, signal, said } = await project.run(step.command);
            assert.ok(
              isShown(said, step.prints),
              `${step.command} printed\n${said}\nand the page shows\n${step.prints}`,
            );
            assert.equal(signal ?? code, 0, `${step.command} printed\n${said}`);
          }
        }
        assert.ok(!project.hasDaemon, 'the page stops the daemon that it starts');
      } finally {
        await project.remove();
      }
    });
  }
});

test('the README and each page about a task or a migration has a program that runs', () => {
  for (const page of listPages()) {
    if (page !== 'README.md' && !isAboutSomethingToDo(page)) continue;
    assert.ok(
      stepsIn(readPage(page)).some((step) => step.do === 'run'),
      `${page} shows nothing that runs: a block that names its file, and a block of text that shows what it prints`,
    );
  }
});

test('a page that only names a file, or shows an output of nothing, has no program that runs', () => {
  for (const markdown of [
    '```js\n// app.js\nconsole.log(1);\n```\n',
    '```js\nconsole.log(1);\n```\n```text\n1\n```\n',
    '```sh\nnpx bgworker ps\n```\n```text\nnothing\n```\n',
    '```js\n// before: app.js\nconsole.log(1);\n```\n```text\n1\n```\n',
  ]) {
    assert.ok(!stepsIn(markdown).some((step) => step.do === 'run'), markdown);
  }
});

test('`…` stands for anything within a line, and alone for any number of lines', () => {
  for (const shown of ['one 1\ntwo\nthree', 'one …\ntwo\nth…e', 'one 1\n…\nthree', 'one 1\ntwo\n  …\nthree', '…']) {
    assert.ok(isShown('one 1\ntwo\nthree\n', shown), shown);
  }
  for (const shown of ['one 1\ntwo', 'one 1\n…\nfour', 'one…three', 'two\n…', 'one .\n…']) {
    assert.ok(!isShown('one 1\ntwo\nthree\n', shown), shown);
  }
});

test('a program is followed by a block of text that shows what it prints', () => {
  for (const page of listPages()) {
    const steps = stepsIn(readPage(page));
    // A page that runs nothing may show what a file looks like.
    if (!steps.some((step) => step.do === 'run' || step.path === 'app.js')) continue;
    assert.equal(steps.at(-1)?.do, 'run', `${page}: its last program is not run`);
  }
});

test('a page that starts a daemon starts one of its own, and not that of whoever runs the tests', () => {
  for (const page of listPages()) {
    const steps = stepsIn(readPage(page));
    const texts = steps.map((step) => (step.do === 'run' ? step.command : step.text));
    if (!texts.some((text) => /^[^#]*\bbgworker start\b/m.test(text))) continue;
    const hasConfiguration = steps.some((step) => step.do === 'write' && step.path.startsWith('bgworker.config.'));
    const namesDirectory = texts.some((text) => text.includes('BGWORKER_DIR="$PWD/.bgworker"'));
    assert.ok(hasConfiguration || namesDirectory, `${page}: the daemon of which directory?`);
  }
});

test('every block of JavaScript is JavaScript', () => {
  for (const page of listPages()) {
    for (const { language, text } of blocksIn(readPage(page))) {
      if (!/^[cm]?[jt]s$/.test(language)) continue;
      const { diagnostics = [] } = ts.transpileModule(text, { reportDiagnostics: true, fileName: `x.${language}` });
      assert.deepEqual(
        diagnostics.map(({ messageText }) => messageText),
        [],
        `${page}\n${text}`,
      );
    }
  }
});
