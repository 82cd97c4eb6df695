/**
 * Which of this process's Node flags workers should have: loaders, conditions and limits, so that a module that loads
 * here loads there, and none of those that make Node do something else than run a program.
 */

/** What node(1) does instead of, or around, running the program it is given. */
const NOT_FOR_WORKERS =
  /^(-e|--eval|-p|--print|-pe|-c|--check|-i|--interactive|-h|--help|-v|--version|--input-type|--run|--title|--completion-bash|--v8-options|--entry-url|--build-snapshot.*|--experimental-sea-config|--build-sea|--test|--test-.*|--experimental-test-.*|--watch|--watch-.*|--inspect|--inspect-.*|--debug-port|--cpu-prof.*|--heap-prof.*)$/;

/** Flags that would make every process of a postmaster open the same debugger, or run something else. */
const NOT_FOR_CHILDREN = /^--(inspect|watch|test)(-.*)?$/;

export function cleanExecArgv(execArgv: readonly string[]): readonly string[] {
  return withoutFlags(execArgv, NOT_FOR_WORKERS);
}

/** As NODE_OPTIONS itself: words between blanks, where double quotes keep blanks together. */
export function cleanNodeOptions(options: string): string {
  const words = options.match(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g) ?? [];
  return withoutFlags(words, NOT_FOR_CHILDREN).join(' ');
}

/** A flag goes with its values: what follows it and does not begin with a dash. */
function withoutFlags(words: readonly string[], unwanted: RegExp): readonly string[] {
  const kept: string[] = [];
  let isKept = true;
  for (const word of words) {
    if (word.startsWith('-')) isKept = !unwanted.test(word.split('=', 1)[0] ?? word);
    if (isKept) kept.push(word);
  }
  return kept;
}
