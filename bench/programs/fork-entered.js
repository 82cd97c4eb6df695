/** A child of `child_process.fork`: says when it was entered, and ends. */
process.send(String(process.hrtime.bigint()), () => process.disconnect());
