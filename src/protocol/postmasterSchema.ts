/**
 * The rules of what a postmaster says of itself, and of what it did in a reload: the shapes of `PostmasterFacts` and
 * `ReloadReport` in message.ts, to which the compiler holds them.
 */
import type { ListChange } from '../core/index.js';
import type { PostmasterFacts, ReloadReport, SettingChange } from './message.js';
import type { Rule } from './rule.js';
import { anyRecord, anything, integer, isRecord, list, number, optional, orNull, record, text } from './rule.js';

type FieldRules<T> = { readonly [Field in keyof T]-?: Rule };

const MAX_TEXT = 64 * 1024;
const count = integer(0, Number.MAX_SAFE_INTEGER);
const instant = number(-Number.MAX_VALUE, Number.MAX_VALUE);
/** What describes is shown as it came: a newer version may have more words. */
const word = text(64);
const classUse = record({ used: count, max: count, reserved: count });

const classes: Rule = (value) => {
  if (!isRecord(value)) return 'a record';
  for (const entry of Object.values(value)) {
    const wanted = classUse(entry);
    if (wanted !== undefined) return wanted;
  }
  return undefined;
};

const facts: FieldRules<PostmasterFacts> = {
  package: text(256),
  path: text(MAX_TEXT),
  node: text(256),
  pid: integer(1, 2 ** 31 - 1),
  epoch: text(32),
  directory: text(MAX_TEXT),
  startedAt: instant,
  state: word,
  slots: record({ used: count, max: count }),
  classes,
  waiting: count,
  clients: count,
  segments: optional(record({ used: count, max: count, sizeBytes: count })),
  configFile: orNull(text(MAX_TEXT)),
  logFile: orNull(text(MAX_TEXT)),
  reloadedAt: orNull(instant),
  settings: anyRecord,
};

const settingChange: FieldRules<SettingChange> = { name: text(256), from: anything, to: anything };

const listChange: FieldRules<ListChange> = {
  name: text(256),
  change: word,
  ended: orNull(text(64)),
};

const report: FieldRules<ReloadReport> = {
  changed: list(record(settingChange), 1_000),
  needRestart: list(record(settingChange), 1_000),
  workers: list(record(listChange), 1_000_000),
};

export const factsRule: Rule = record(facts);
export const reportRule: Rule = record(report);
