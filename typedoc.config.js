/**
 * `npm run docs:api`: the pages of docs/ and of all that the package exports, as HTML in dist/docs. Warnings are errors;
 * test/readme/api.test.ts looks for the same ones without writing a page.
 *
 * @type {Partial<import('typedoc').TypeDocOptions>}
 */
export default {
  name: 'bgworker',
  entryPoints: [
    'src/index.ts',
    'src/worker/index.ts',
    'src/dsm/index.ts',
    'src/parallel/index.ts',
    'src/testing/index.ts',
  ],
  readme: 'README.md',
  projectDocuments: ['*.md', 'docs/**/*.md', 'examples/README.md', 'bench/results.md'],
  out: 'dist/docs',
  tsconfig: 'tsconfig.docs.json',
  // tsc has found them already.
  skipErrorChecking: true,
  // Where this checkout came from is not for the pages, and not every one has a remote.
  disableSources: true,
  // What JavaScript itself gives, and what is public only for our own other files.
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  // A definition is a table of docs/registration.md; the others are what a clock is to our own files.
  intentionallyNotExported: ['BackgroundWorker', 'StopOrder', 'Clock', 'Time', 'Alarm'],
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // The test also asks for properties, but not for those of the literals in a union.
  requiredToBeDocumented: ['Variable', 'Function', 'Class', 'Interface', 'TypeAlias', 'Method', 'Accessor'],
  treatWarningsAsErrors: true,
  highlightLanguages: ['dockerfile', 'ini', 'js', 'json', 'sh', 'ts', 'yaml'],
  markdownItLoader: nameCodeInHeadings,
};

/** Anchors of headings that are code, as GitHub has them: TypeDoc looks for their text in a place where code has none. */
function nameCodeInHeadings(markdown) {
  markdown.core.ruler.push('name code in headings', ({ tokens, Token }) => {
    for (const [index, { type }] of tokens.entries()) {
      if (type !== 'heading_open') continue;
      for (const child of tokens[index + 1].children) {
        if (child.type !== 'code_inline') continue;
        const text = new Token('text', '', 0);
        text.content = child.content;
        child.children = [text];
      }
    }
  });
}
