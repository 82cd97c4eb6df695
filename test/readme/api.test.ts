/**
 * Whatever the package exports is documented: the pages that `npm run docs:api` makes have no gap, no dead link, and no
 * type that is spoken of and not shown. They are made as far as that takes, and not written.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reflection } from 'typedoc';
import { Application, Logger, LogLevel, ReflectionKind, TSConfigReader, TypeDocReader } from 'typedoc';
import { root } from './pages.js';

test('every export has its words, and so has every member of an exported class or interface', async () => {
  const options = { options: `${root}typedoc.config.js`, projectDocuments: [], readme: 'none' };
  const app = await Application.bootstrap(options, [new TypeDocReader(), new TSConfigReader()]);
  const problems: string[] = [];
  app.logger = new (class extends Logger {
    override log(message: string, level: LogLevel): void {
      if (level >= LogLevel.Warn) problems.push(message);
    }
  })();
  const project = await app.convert();
  assert.ok(project !== undefined, problems.join('\n'));
  app.validate(project);
  const properties = project.getReflectionsByKind(ReflectionKind.Property).filter(isOfInterface);
  assert.ok(properties.length > 100);
  for (const property of properties) {
    if (!property.hasComment()) problems.push(`${property.getFullName()} does not have any documentation`);
  }
  assert.deepEqual(problems, []);
});

function isOfInterface({ parent }: Reflection): boolean {
  return parent?.kindOf([ReflectionKind.Class, ReflectionKind.Interface]) === true;
}
