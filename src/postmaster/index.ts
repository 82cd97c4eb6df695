/**
 * The postmaster for whoever holds one in its own process, such as `bgworker run`. As a process of its own it is
 * main.ts, which nobody imports.
 */
export { jsonLines, Log } from './log.js';
export { Postmaster, type PostmasterOptions } from './postmaster.js';
export { readSettings, type Settings, type SettingsInput } from './settings.js';
export { listenToSignals } from './signals.js';
