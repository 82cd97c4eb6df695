/**
 * The postmaster for whoever holds one in its own process, as `bgworker run` and a daemon do. As a process of its own it is
 * main.ts, which nobody imports.
 */
export { prepareDirectory } from './directory.js';
export { jsonLines, Log } from './log.js';
export { Postmaster, type PostmasterOptions } from './postmaster.js';
export type { Configuration } from './reload.js';
export { readSettings, type Settings, type SettingsInput, settingValues } from './settings.js';
export { SETTING_NAMES, SETTINGS, type SettingName } from './settingsTable.js';
export { listenToSignals } from './signals.js';
export { defaultSlots } from './slotDefaults.js';
export { ServiceNotifier } from './systemd.js';
