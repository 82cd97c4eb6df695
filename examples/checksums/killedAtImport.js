/** Cannot start: something kills it while it is loaded. Here it does so itself. */
process.kill(process.pid, 'SIGKILL');
await new Promise(() => {});
