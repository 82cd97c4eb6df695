/**
 * The postmaster for whoever holds one in its own process, as `bgworker run` and a daemon do, and what the command needs
 * to look at a place where one is to live. As a process of its own it is main.ts, which nobody imports.
 */
export { type CgroupLimits, readCgroupLimits } from './cgroup.js';
export type { Alarm, Clock } from './clock.js';
export { koffiTrouble } from './datagramSocket.js';
export { isClaimed, isLive, isPrepared, owedEpochs, prepareDirectory, privateDirectories } from './directory.js';
export type { Fact } from './fact.js';
export { findStrays } from './leftovers.js';
export { type ClientSocket, Listener } from './listener.js';
export { jsonLines, Log, type LogFields } from './log.js';
export { findNotifyCommand } from './notifyCommand.js';
export { readToQuiet } from './output.js';
export { newEpoch, Postmaster, type PostmasterOptions } from './postmaster.js';
export type { Processes } from './processes.js';
export type { Configuration } from './reload.js';
export type { SegmentStore } from './segmentFiles.js';
export { ServerLoop } from './serverLoop.js';
export { readSettings, type Settings, type SettingsInput, settingValues } from './settings.js';
export { SETTING_NAMES, SETTINGS, type SettingName } from './settingsTable.js';
export { listenToSignals } from './signals.js';
export { affordableSlots, defaultSlots, SLOT_MEMORY_BYTES } from './slotDefaults.js';
export { ServiceNotifier } from './systemd.js';
