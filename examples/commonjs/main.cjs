/** From CommonJS: the package is required, as the module of the worker is. */
const { run } = require('bgworker');
const { add } = require('./jobs.cjs');

run(add, [1, 2, 3, 4]).then((sum) => console.log('the sum is', sum));
