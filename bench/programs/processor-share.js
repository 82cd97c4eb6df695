/** Given to a program with `--import`: how much of one processor all of it had, said on stderr when it ends. */
const started = performance.now();
const before = process.cpuUsage();

process.on('exit', () => {
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1_000 / (performance.now() - started);
  process.stderr.write(`share of a processor: ${Math.min(1, share).toFixed(3)}\n`);
});
