/**
 * Gives what a configuration file exports by default; a function is called, and may take its time. What the file throws
 * passes through, so that Node prints it with its place.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { BgworkerError } from '../../base/index.js';

export async function loadConfig(file: string): Promise<unknown> {
  const exported = file.endsWith('.json') ? readJson(file) : await importDefault(file);
  return typeof exported === 'function' ? exported() : exported;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BgworkerError('ERR_INVALID_CONFIG', 'the configuration is not JSON', {
      detail: `${file}: ${(error as Error).message}`,
      hint: 'JSON has no comments and no comma behind the last entry; bgworker.config.js has both',
      cause: error,
    });
  }
}

async function importDefault(file: string): Promise<unknown> {
  const module = await importFile(file);
  const exported = module['default'];
  // What a transpiler made of `export default` in CommonJS.
  const isWrapped =
    typeof exported === 'object' && exported !== null && '__esModule' in exported && 'default' in exported;
  if (isWrapped) return exported.default;
  if ('default' in module) return exported;
  throw new BgworkerError('ERR_INVALID_CONFIG', 'the configuration exports nothing by default', {
    detail: `${file} exports ${Object.keys(module).join(', ') || 'nothing'}`,
    hint: 'export default defineConfig({ … })',
  });
}

async function importFile(file: string): Promise<{ readonly [name: string]: unknown }> {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_UNKNOWN_FILE_EXTENSION') throw error;
    throw new BgworkerError('ERR_INVALID_CONFIG', 'this Node cannot run TypeScript by itself', {
      detail: `${file}, with Node ${process.version}`,
      hint: "use Node 22.18 or later, a loader (NODE_OPTIONS='--import tsx'), or write bgworker.config.js",
      cause: error,
    });
  }
}
