/**
 * What a caller gave, checked by name before anything begins: an option that does not exist would be left out without a
 * word, and whoever wrote it would believe in it. `register` refuses unknown fields too.
 *
 * What each option may be is checked where it is used; here is what would otherwise fail late, or say nothing helpful.
 */
import { BgworkerError, nearest } from '../base/index.js';
import { describeGiven, isExportedValue, workerBrand } from '../protocol/index.js';

/** The names of all options of a kind; the compiler sees that none is missing. */
export type Names<Options> = { readonly [Name in keyof Required<Options>]: true };

/** Other packages' words, and those of the neighbours here. Each holds where it is an option. */
const MEANT: Readonly<Record<string, readonly string[]>> = {
  batchSize: ['batchItems'],
  chunkSize: ['batchItems'],
  concurrency: ['workers', 'size'],
  max: ['workers', 'size'],
  maxRunMs: ['timeoutMs'],
  maxThreads: ['size', 'workers'],
  maxWorkers: ['size', 'workers'],
  order: ['compare'],
  size: ['workers'],
  threads: ['workers', 'size'],
  timeout: ['timeoutMs', 'signal'],
  timeoutMs: ['signal'],
  workers: ['size'],
};

/** `of` is what takes them. Throws `ERR_INVALID_ARGUMENT`. */
export function checkOptions<Options extends object>(of: string, options: Options, names: Names<Options>): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid(
      `invalid options of ${of}`,
      `got ${String(options)}`,
      `give an object: { ${Object.keys(names)[0]}: … }`,
    );
  }
  const known = Object.keys(names);
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw invalid('unknown option', `${name} is no option of ${of}`, adviseOn(name, known));
    const wanted = value === undefined ? undefined : whatIsWanted(name, value);
    if (wanted !== undefined) throw invalid(`invalid ${name}`, `${name} is ${String(value)}`, wanted);
  }
}

/** Throws `ERR_INVALID_ARGUMENT`. */
export function checkKind(given: unknown, kind: 'plan' | 'entryPoint', maker: string): void {
  if (isExportedValue(given) && given[workerBrand].kind === kind) return;
  throw invalid(
    `that is no ${kind === 'plan' ? 'plan' : 'entry point'}`,
    `got ${describeGiven(given)}`,
    `give what ${maker}(import.meta, …) made, under the name it is exported by`,
  );
}

function adviseOn(name: string, known: readonly string[]): string {
  const [likely] = MEANT[name]?.filter((other) => known.includes(other)) ?? nearest(name, known);
  return likely === undefined ? `the options are ${known.join(', ')}` : `did you mean ${likely}?`;
}

/** Undefined: it is right, as far as its name says. */
function whatIsWanted(name: string, value: unknown): string | undefined {
  const isObject = typeof value === 'object' && value !== null;
  switch (name) {
    case 'signal':
      return isObject && 'aborted' in value && 'addEventListener' in value
        ? undefined
        : 'give an AbortSignal: AbortSignal.timeout(ms), or the signal of an AbortController';
    case 'onProgress':
    case 'onExplain':
    case 'compare':
      return typeof value === 'function' ? undefined : 'give a function';
    case 'client':
      return isObject && 'module' in value ? undefined : 'give what startPostmaster() or connect() resolved with';
    case 'leaderParticipation':
    case 'singleCopy':
    case 'debugParallel':
      return typeof value === 'boolean' ? undefined : 'give true or false';
    case 'worker':
    case 'scan':
    case 'share':
      return isObject ? undefined : `give an object: ${EXAMPLES[name]}`;
    default:
      return undefined;
  }
}

const EXAMPLES = {
  worker: 'how processes are made, { env, nice, … }; how many there are is `workers`, or of a pool `size`',
  scan: '{ blocks: 100 }',
  share: '{ estimate(estimator) { … }, fill(contents) { … } }',
};

function invalid(message: string, detail: string, hint: string): BgworkerError {
  return new BgworkerError('ERR_INVALID_ARGUMENT', message, { detail, hint });
}
