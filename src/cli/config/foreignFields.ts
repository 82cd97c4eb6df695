/**
 * What other process managers call it, for those who bring their file along: the name here, or what to do instead. No
 * field of ours has one of these names.
 */
const FOREIGN: { readonly [field: string]: string } = {
  autorestart: "restart: 'always', 'onFailure' or 'never'",
  cron_restart: 'ctx.every(ms) in the worker, or a timer of the system that calls bgworker restart',
  exec_mode: 'each worker is a process; instances: 4 makes four of them',
  interpreter: 'nodePath',
  interpreter_args: 'execArgv, a list',
  kill_timeout: 'terminateTimeoutMs',
  max_memory_restart: "resourceLimits: { maxRssBytes } and restart: 'onFailure'",
  max_restarts: 'restartIntensity: { deaths, periodMs }',
  min_uptime: 'restartIntensity: { deaths, periodMs }',
  node_args: 'execArgv, a list',
  restart_delay: 'restartTimeMs',
  exp_backoff_restart_delay: 'restartBackoff: { factor, maxMs, jitter }',
  wait_ready: "readiness: 'explicit', and ctx.ready() in the worker",
  watch: 'bgworker restart NAME, from the tool that watches your files',
};

export function foreignField(name: string): string | undefined {
  return Object.hasOwn(FOREIGN, name) ? FOREIGN[name] : undefined;
}
