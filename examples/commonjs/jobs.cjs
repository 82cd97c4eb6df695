/** A worker in CommonJS: what a module knows of itself is `module`. */
const { defineWorker } = require('bgworker/worker');

exports.add = defineWorker(module, (_ctx, numbers) => numbers.reduce((sum, number) => sum + number, 0));
