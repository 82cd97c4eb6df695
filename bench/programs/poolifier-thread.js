/** A task of tasks.cjs as a thread of poolifier. Which one is told to the thread as it starts. */
import { workerData } from 'node:worker_threads';
import { ThreadWorker } from 'poolifier';
import tasks from './tasks.cjs';

export default new ThreadWorker(tasks[workerData.task]);
