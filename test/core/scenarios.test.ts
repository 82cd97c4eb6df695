/**
 * The transcripts of test/core/scenarios, played again: each must read as it stands there. BGWORKER_REWRITE=1 writes
 * what follows now in the place of what followed once; read the difference as carefully as code.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseScenarios, play } from './transcript.js';

const folder = fileURLToPath(new URL('../../../test/core/scenarios/', import.meta.url));
const rewrites = process.env['BGWORKER_REWRITE'] === '1';

for (const file of readdirSync(folder).sort()) {
  const text = readFileSync(folder + file, 'utf8');
  const { head, scenarios } = parseScenarios(text);
  for (const scenario of scenarios) {
    test(`${file}: ${scenario.title}`, { skip: rewrites && 'the transcripts are being rewritten' }, () => {
      assert.equal(play(scenario).join('\n'), scenario.lines.join('\n'));
    });
  }
  if (!rewrites) continue;
  const played = scenarios.map((scenario) => `== ${scenario.title}\n${play(scenario).join('\n').trimEnd()}\n`);
  writeFileSync(folder + file, `${[`${head.join('\n')}\n`, ...played].join('\n')}`);
}

test('no two scenarios have the same title', () => {
  const titles = readdirSync(folder).flatMap((file) =>
    parseScenarios(readFileSync(folder + file, 'utf8')).scenarios.map(({ title }) => title),
  );
  assert.equal(new Set(titles).size, titles.length);
});
