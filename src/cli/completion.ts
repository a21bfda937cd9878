import { OperatorError } from '../base/errors.ts';
import { type Command, EXIT_OK, type Option } from './command.ts';
import type { TableRow } from './table.ts';

const SHELLS = ['bash'] as const;
/** What stands for values that are paths, and for those that are codes of POPs. */
const PATHS = ['FILE', 'DIR', 'NEW', 'OLD'];
const POPS = ['POP', 'CODE'];
/** Operands that are paths, by their words in the help. */
const PATH_OPERANDS = /\b(?:FILE|ZONEFILE|DIR|WORLD|NAMED\.CONF)\b/;

/** The command that prints what a shell completes: of all commands, itself too. */
export function completionCommand(rows: readonly TableRow[]): Command {
  return {
    operands: 'bash',
    operandsMin: 1,
    operandsMax: 1,
    words: SHELLS,
    description:
      'Prints what has the shell complete commands, their flags, files, and codes of POPs, which it asks a ' +
      'running process for. The command must be in the PATH by its name: a link to src/bin.mjs will do.',
    options: {},
    examples: [
      ['completion bash >/etc/bash_completion.d/isochrone', 'for everybody, from the next shell on'],
      ['completion bash >~/.isochrone-completion', 'for yourself: `source` it in ~/.bashrc'],
    ],
    run: async ({ operands: [shell = ''], json, terminal }) => {
      if (!SHELLS.some((one) => one === shell)) {
        const message = `${JSON.stringify(shell)} is no shell that is known: ${SHELLS.join(', ')}`;
        throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
      }
      const commands = await Promise.all(rows.map(async ({ name, load }) => ({ name, ...(await load()) })));
      const script = scriptOf(commands);
      terminal.out(json ? JSON.stringify({ shell, script }) : script.trimEnd());
      return EXIT_OK;
    },
  };
}

interface NamedCommand extends Command {
  readonly name: string;
}

function scriptOf(commands: readonly NamedCommand[]): string {
  const names = [...commands.map(({ name }) => name), 'help', 'version'];
  const cases = commands.map((command) => `    ${command.name}) ${settingsOf(command)} ;;`);
  return `# Completion of isochrone for bash, made by \`isochrone completion bash\`.
_isochrone() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  local commands='${names.join(' ')}' flags='' words='' kind='' paths='' pops='' others=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -le 1 ] || { [ "$command" = help ] && [ "$COMP_CWORD" -eq 2 ]; }; then
    COMPREPLY=($(compgen -W "$commands" -- "$word"))
    return
  fi
  case $command in
${cases.join('\n')}
    *) return ;;
  esac
  case " $paths " in *" $before "*) kind=path flags='' words='' ;; esac
  case " $pops " in *" $before "*) kind=pop flags='' words='' ;; esac
  case " $others " in *" $before "*) return ;; esac
  case $word in -*) kind='' ;; *) [ -z "$words$kind" ] || flags='' ;; esac
  [ "$kind" != pop ] || words=$(isochrone status --all --json 2>/dev/null |
    sed -n 's/^ *"code": "\\([A-Z][A-Z0-9]*\\)",*$/\\1/p')
  COMPREPLY=($(compgen -W "$flags $words" -- "$word"))
  if [ "$kind" = path ]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$word"))
  fi
}
complete -F _isochrone isochrone
`;
}

/** Assignments of what may stand after a command. */
function settingsOf({ operands, options, words = [] }: NamedCommand): string {
  const all = Object.entries(options);
  const withValue = (holds: (value: string) => boolean): string =>
    all
      .filter(([, option]) => option.type === 'string' && holds(valueName(option)))
      .map(([flag]) => `--${flag}`)
      .join(' ');
  const isPath = (value: string): boolean => PATHS.includes(value);
  const isPop = (value: string): boolean => POPS.includes(value);
  const kind = PATH_OPERANDS.test(operands) ? 'path' : /\bPOP\b/.test(operands) ? 'pop' : '';
  const settings = {
    flags: [...all.map(([flag]) => `--${flag}`), '--json', '--help'].join(' '),
    words: words.join(' '),
    kind,
    paths: withValue(isPath),
    pops: withValue(isPop),
    others: withValue((value) => !isPath(value) && !isPop(value)),
  };
  const given = Object.entries(settings).filter(([, value]) => value !== '');
  return given.map(([name, value]) => `${name}='${value}'`).join(' ');
}

function valueName({ value = 'VALUE' }: Option): string {
  return value;
}
