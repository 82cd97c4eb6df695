/** From CommonJS: the package is required, and the worker's module is named. */
const { join } = require('node:path');
const { startPostmaster } = require('bgworker');

async function main() {
  const client = await startPostmaster();
  const jobs = client.module(join(__dirname, 'jobs.cjs'));
  console.log('the sum is', await jobs.run('add', [1, 2, 3, 4]));
  await client.close();
}

main();
