/**
 * The verbs for workers that are named instead of imported: an export of a module, typed by `typeof import()`, and
 * scripts, which have no export at all.
 */
import type { WorkerValue } from '../protocol/index.js';
import type { Backend } from './backend.js';
import type { BackgroundWorkerHandle } from './handle.js';
import type { Target } from './registration.js';
import type { LaunchOptions, RegisterOptions, RunOptions, WithArgs } from './verbs.js';
import { launchWorker, registerWorker, runWorker, tryRegisterWorker } from './verbs.js';

/** A module nothing is known of: any name, any argument. */
export type AnyModule = {
  /** By the name of the export. */
  readonly [name: string]: (context: never, arg: unknown) => unknown;
};

/** What a worker's function takes beside its context. */
export type ArgOf<W> =
  W extends WorkerValue<infer Arg, unknown> ? Arg : W extends (context: never, arg: infer Arg) => unknown ? Arg : never;

/** What it returns in the end. */
export type ResultOf<W> =
  W extends WorkerValue<never, infer Result>
    ? Result
    : W extends (context: never, arg: never) => infer Result
      ? Awaited<Result>
      : never;

/** The exports of a module that are workers or functions. */
export type WorkerExport<M> = {
  [Name in keyof M]: M[Name] extends WorkerValue<never, unknown> | ((context: never, arg: never) => unknown)
    ? Name
    : never;
}[keyof M] &
  string;

/** Argument and options of a verb; the argument may be left out where the worker takes none. */
export type ArgAndOptions<Arg, Options> = undefined extends Arg
  ? [arg?: Arg, options?: Options]
  : [arg: Arg, options?: Options];

/** The four verbs of a client, for the exports of one module. */
export interface WorkerModule<M extends object> {
  /** As `client.register`. */
  register<Name extends WorkerExport<M>>(
    exportName: Name,
    ...rest: ArgAndOptions<ArgOf<M[Name]>, RegisterOptions>
  ): Promise<BackgroundWorkerHandle<ResultOf<M[Name]>>>;
  /** As `client.tryRegister`: null when no slot is free. */
  tryRegister<Name extends WorkerExport<M>>(
    exportName: Name,
    ...rest: ArgAndOptions<ArgOf<M[Name]>, RegisterOptions>
  ): Promise<BackgroundWorkerHandle<ResultOf<M[Name]>> | null>;
  /** As `client.launch`: it has started, or throws. */
  launch<Name extends WorkerExport<M>>(
    exportName: Name,
    ...rest: ArgAndOptions<ArgOf<M[Name]>, LaunchOptions>
  ): Promise<BackgroundWorkerHandle<ResultOf<M[Name]>>>;
  /** As `client.run`: gives what the function returned. */
  run<Name extends WorkerExport<M>>(
    exportName: Name,
    ...rest: ArgAndOptions<ArgOf<M[Name]>, RunOptions>
  ): Promise<ResultOf<M[Name]>>;
}

/** The four verbs, for one script. */
export interface ScriptVerbs {
  /** As `client.register`. */
  register(options?: WithArgs<RegisterOptions>): Promise<BackgroundWorkerHandle<undefined>>;
  /** As `client.tryRegister`: null when no slot is free. */
  tryRegister(options?: WithArgs<RegisterOptions>): Promise<BackgroundWorkerHandle<undefined> | null>;
  /** As `client.launch`: it was evaluated to its end, or throws. */
  launch(options?: WithArgs<LaunchOptions>): Promise<BackgroundWorkerHandle<undefined>>;
  /** Resolves when the script has ended by itself: its event loop was empty. */
  run(options?: WithArgs<RunOptions>): Promise<undefined>;
}

export function moduleVerbs<M extends object>(backend: Backend, module: string): WorkerModule<M> {
  const target = (exportName: string): Target => ({ kind: 'export', module, exportName });
  const verbs = {
    register: (name: string, arg?: unknown, options?: RegisterOptions) =>
      registerWorker(backend, target(name), arg, options),
    tryRegister: (name: string, arg?: unknown, options?: RegisterOptions) =>
      tryRegisterWorker(backend, target(name), arg, options),
    launch: (name: string, arg?: unknown, options?: LaunchOptions) => launchWorker(backend, target(name), arg, options),
    run: (name: string, arg?: unknown, options?: RunOptions) => runWorker(backend, target(name), arg, options),
  };
  // The types of argument and result are promises of the module's author; here they are all unknown.
  return verbs as unknown as WorkerModule<M>;
}

export function scriptVerbs(backend: Backend, module: string): ScriptVerbs {
  const target: Target = { kind: 'script', module };
  const verbs = {
    register: (options?: WithArgs<RegisterOptions>) => registerWorker(backend, target, undefined, options),
    tryRegister: (options?: WithArgs<RegisterOptions>) => tryRegisterWorker(backend, target, undefined, options),
    launch: (options?: WithArgs<LaunchOptions>) => launchWorker(backend, target, undefined, options),
    run: (options?: WithArgs<RunOptions>) => runWorker(backend, target, undefined, options),
  };
  return verbs as ScriptVerbs;
}
