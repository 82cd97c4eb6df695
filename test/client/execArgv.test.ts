/**
 * Which flags of this process its workers have.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanExecArgv, cleanNodeOptions } from '../../src/client/execArgv.js';

for (const [given, kept] of [
  [[], []],
  [
    ['--import', 'tsx', '--enable-source-maps'],
    ['--import', 'tsx', '--enable-source-maps'],
  ],
  [
    ['-r', './setup.cjs', '-C', 'development'],
    ['-r', './setup.cjs', '-C', 'development'],
  ],
  [
    ['--loader=./l.mjs', '--experimental-strip-types', '--max-old-space-size=100'],
    ['--loader=./l.mjs', '--experimental-strip-types', '--max-old-space-size=100'],
  ],
  [
    ['-e', 'run()', '--import', 'tsx'],
    ['--import', 'tsx'],
  ],
  [
    ['--eval=run()', '--input-type=module', '--conditions', 'x'],
    ['--conditions', 'x'],
  ],
  [['--input-type', 'module', '-p', '1 + 1'], []],
  [
    ['--inspect', '--inspect-brk=0', '--inspect-port', '9230', '--import', 'tsx'],
    ['--import', 'tsx'],
  ],
  [
    ['--test', '--test-name-pattern', 'x y', '--test-reporter=spec', '--watch', '--watch-path', 'src', '-r', 'x'],
    ['-r', 'x'],
  ],
  [['--check', '-i', '--cpu-prof-dir', '/tmp', '--trace-warnings'], ['--trace-warnings']],
] as const) {
  test(`of ${given.join(' ') || 'no flags'}`, () => {
    assert.deepEqual(cleanExecArgv(given), kept);
  });
}

for (const [given, kept] of [
  ['', ''],
  ['--max-old-space-size=4096 --import tsx', '--max-old-space-size=4096 --import tsx'],
  ['--require "./my setup.cjs"  --inspect=0.0.0.0:9229', '--require "./my setup.cjs"'],
  ['--inspect-port 9230 --enable-source-maps', '--enable-source-maps'],
  ['--require "a \\" b"', '--require "a \\" b"'],
] as const) {
  test(`of NODE_OPTIONS=${given}`, () => {
    assert.equal(cleanNodeOptions(given), kept);
  });
}
