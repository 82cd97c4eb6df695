/**
 * The completion of `bgworker` for bash, made from the commands themselves, so that it knows all of them. Workers are
 * asked for when they are wanted; without a postmaster there are none. It needs bash 3.2 and no package of it.
 *
 * Bash breaks words at `:` and `=`, and handles have colons: so the line is broken at blanks here, and of what fits only
 * the part is given behind the last place where bash broke it.
 */
import type { Argument, Command, Option } from 'commander';

export function bashCompletion(program: Command): string {
  const name = program.name();
  const commands = program.commands.map((command) => command.name());
  return `# Completion of ${name} for bash: eval "$(${name} completion bash)"
_${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} command= options= values= cur prev word i directory=
  local -a words=()
  read -r -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]} - 1]}
  prev=\${words[\${#words[@]} - 2]}
  COMPREPLY=()
  for ((i = 1; i < \${#words[@]} - 1; i++)); do
    word=\${words[i]}
    [[ -z $command && $word != -* ]] && command=$word
    [[ $word == --directory ]] && directory=\${words[i + 1]}
    [[ $word == --directory=* ]] && directory=\${word#*=}
  done
  if [[ $cur == --*=* ]]; then
    prev=\${cur%%=*}
    cur=\${cur#*=}
  fi

  case $command in
    '') options='${longNames(program.options)} --help' values='${commands.join(' ')} help' ;;
    help) values='${commands.join(' ')}' ;;
${program.commands.map(commandCase).join('\n')}
  esac
  case "$command $prev" in
${program.commands.flatMap(valueCases).join('\n')}
  esac

  case $values in
    @modules) _${name}_files modules ;;
    @files) _${name}_files all ;;
    @directories) _${name}_files directories ;;
    @workers) values=$(_${name}_workers "\${words[0]}" "$directory") ;;
    @none) return ;;
  esac
  [[ $cur == -* || -z $values ]] && values=$options
  if [[ $values != @* ]]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$values" -- "$cur")
  fi
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    for i in "\${!COMPREPLY[@]}"; do COMPREPLY[i]=\${COMPREPLY[i]#"\${cur%"\${cur##*:}"}"}; done
  fi
}

_${name}_files() {
  type compopt &>/dev/null && compopt -o filenames 2>/dev/null
  local file
  while IFS= read -r file; do
    case $1:$file in
      all:* | modules:*.js | modules:*.mjs | modules:*.cjs | modules:*.ts | modules:*.mts | modules:*.cts) COMPREPLY+=("$file") ;;
      *) [[ -d $file ]] && COMPREPLY+=("$file") ;;
    esac
  done < <(compgen -f -- "$cur")
}

# The names that one worker alone has, as far as they need no quotes, and the handles.
_${name}_workers() {
  local rows
  rows=$("$1" ps --json \${2:+--directory "$2"} 2>/dev/null) || return
  sed -n 's/^{"slot":[0-9]*,"generation":[0-9]*,"name":"\\([[:alnum:]_.@/+-]*\\)",.*/\\1/p' <<<"$rows" | sort | uniq -u
  sed -n 's/.*"handle":"\\([^"]*\\)"}$/\\1/p' <<<"$rows"
}

complete -F _${name} ${name}
`;
}

function commandCase(command: Command): string {
  const [argument] = command.registeredArguments;
  const values = argument === undefined ? '' : ` values='${valuesOfArgument(argument)}'`;
  return `    ${command.name()}) options='${longNames(command.options)} --help'${values} ;;`;
}

function valueCases(command: Command): string[] {
  return command.options.flatMap((option) => {
    if (!option.required && !option.optional) return [];
    const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
    return `    ${names.map((name) => `'${command.name()} ${name}'`).join(' | ')}) values='${valuesOfOption(option)}' ;;`;
  });
}

function longNames(options: readonly Option[]): string {
  return options.map((option) => option.long ?? option.short ?? '').join(' ');
}

function valuesOfArgument(argument: Argument): string {
  if (argument.argChoices !== undefined) return argument.argChoices.join(' ');
  return { module: '@modules', worker: '@workers' }[argument.name()] ?? '@none';
}

/** By how the help names the value. */
function valuesOfOption({ argChoices, flags }: Option): string {
  if (argChoices !== undefined) return argChoices.join(' ');
  if (flags.endsWith('<path>')) return '@directories';
  return flags.endsWith('<file>') ? '@files' : '@none';
}
