/**
 * The postmaster's log: one JSON line for each thing a person might ask about later, with pino's field names, so that
 * pino-pretty and every collector read it. An embedded postmaster hands its lines to the host's own logger instead,
 * where one was given.
 *
 * Pino itself would bring thirteen packages into every host for what is one line of code here.
 */
import type { Writable } from 'node:stream';
import type { LogLevel } from '../protocol/index.js';

export type LogFields = { readonly [name: string]: unknown };
export type WriteLine = (level: LogLevel, message: string, fields: LogFields) => void;

/** Pino's numbers. */
const LEVELS: { readonly [level in LogLevel]: number } = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};

export class Log {
  readonly #write: WriteLine;
  #least: number;

  constructor(write: WriteLine, level: LogLevel | 'silent') {
    this.#write = write;
    this.#least = leastOf(level);
  }

  setLevel(level: LogLevel | 'silent'): void {
    this.#least = leastOf(level);
  }

  /** What the postmaster itself has to say. */
  say(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] >= this.#least) this.#write(level, message, fields);
  }

  /** What a worker says through `ctx.log`: its author chose the level, so it is not held back by ours. */
  pass(level: LogLevel, message: string, fields: LogFields): void {
    if (this.#least !== Number.POSITIVE_INFINITY) this.#write(level, message, fields);
  }
}

function leastOf(level: LogLevel | 'silent'): number {
  return level === 'silent' ? Number.POSITIVE_INFINITY : LEVELS[level];
}

export function jsonLines(sink: Writable): WriteLine {
  return (level, message, fields) => {
    const line = {
      level: LEVELS[level],
      time: Date.now(),
      pid: process.pid,
      name: 'bgworker',
      ...fields,
      msg: message,
    };
    sink.write(`${JSON.stringify(line)}\n`);
  };
}
