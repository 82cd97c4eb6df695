/** A task of tasks.cjs as a process of poolifier. Which one is told to the process as it starts. */
const { ClusterWorker } = require('poolifier');
const tasks = require('./tasks.cjs');

module.exports = new ClusterWorker(tasks[process.env.BENCH_TASK]);
