import { type ParseArgsConfig, parseArgs } from 'node:util';
import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { StoreError } from '../store/store.ts';
import {
  type Command,
  EXIT_FAILED,
  EXIT_OK,
  EXIT_USAGE,
  type Flags,
  type Invocation,
  type Option,
  type Terminal,
} from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { COMMANDS, type TableRow } from './table.ts';
import { programVersion } from './version.ts';

/** Options that every command has. */
const COMMON: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', help: 'print JSON' },
  help: { type: 'boolean', help: 'print this help' },
};

/**
 * Runs one command line (without `node` and the script) and gives the exit code. Operators' errors are
 * printed; a programmer's error comes through.
 */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined || first === 'help' || first === '--help' || first === '-h')
    return help(rest, terminal);
  if (first === 'version' || first === '--version' || first === '-v') {
    const version = programVersion(terminal);
    terminal.out(rest.includes('--json') ? JSON.stringify({ version }) : `isochrone ${version}`);
    return EXIT_OK;
  }
  const row = COMMANDS.find(({ name }) => name === first);
  if (row === undefined) return unknownCommand(first, rest.includes('--json'), terminal);
  const command = await row.load();
  const { problems, flags, operands } = readArguments(rest, row.name, command);
  const json = flags['json'] === true;
  if (flags['help'] === true) {
    terminal.out(commandHelp(row, command, COMMON));
    return EXIT_OK;
  }
  try {
    if (problems.length > 0) throw new OperatorError('bad-usage', problems);
    return await command.run({ operands, flags, json, terminal });
  } catch (error) {
    return report(error, { json, terminal, name: row.name });
  }
}

async function help(rest: readonly string[], terminal: Terminal): Promise<number> {
  const [name] = rest.filter((word) => !word.startsWith('-'));
  if (name === undefined) {
    terminal.out(programHelp(COMMANDS));
    return EXIT_OK;
  }
  const row = COMMANDS.find((one) => one.name === name);
  if (row === undefined) return unknownCommand(name, false, terminal);
  terminal.out(commandHelp(row, await row.load(), COMMON));
  return EXIT_OK;
}

function unknownCommand(word: string, json: boolean, terminal: Terminal): number {
  const names: TableRow['name'][] = [...COMMANDS.map(({ name }) => name), 'help', 'version'];
  const meant = nearest(word, names);
  const hint =
    meant === undefined ? `commands: ${names.join(', ')}` : `did you mean ${JSON.stringify(meant)}?`;
  const message = `no such command: ${JSON.stringify(word)}; ${hint}`;
  const error = new OperatorError('bad-usage', [{ file: 'command line', message }]);
  return report(error, { json, terminal, name: undefined });
}

/** Prints an operator's error, or throws what is none. */
function report(
  error: unknown,
  options: { json: boolean; terminal: Terminal; name: string | undefined },
): number {
  const { json, terminal, name } = options;
  const known =
    error instanceof StoreError
      ? new OperatorError('store-unreachable', [{ file: 'store', message: error.message }])
      : error;
  if (!(known instanceof OperatorError)) throw error;
  const { code, problems } = known;
  if (json) terminal.out(JSON.stringify({ error: { code, problems } }, undefined, 2));
  else for (const problem of problems) terminal.err(formatProblem(problem));
  if (code !== 'bad-usage') return EXIT_FAILED;
  if (!json) terminal.err(`see: isochrone help${name === undefined ? '' : ` ${name}`}`);
  return EXIT_USAGE;
}

/** Reads flags and operands with every fault in them. */
function readArguments(
  args: readonly string[],
  name: string,
  command: Command,
): { problems: Problem[]; flags: Flags; operands: string[] } {
  const known: Readonly<Record<string, Option>> = { ...command.options, ...COMMON };
  const options: NonNullable<ParseArgsConfig['options']> = { help: { type: 'boolean', short: 'h' } };
  for (const [flag, { type, multiple = false }] of Object.entries(known))
    options[flag] = flag === 'help' ? { type, short: 'h' } : { type, multiple };
  // Not strict: every fault is to be found, not the first.
  const parsed = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const messages: string[] = [];
  const given = new Set<string>();
  let hasUnknown = false;
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const option = known[token.name];
    if (option === undefined) {
      messages.push(unknownFlag(token.rawName, Object.keys(known)));
      hasUnknown = true;
    } else if (option.type === 'boolean' && token.value !== undefined)
      messages.push(`${token.rawName} takes no value, but has ${JSON.stringify(token.value)}`);
    else if (option.type === 'string' && (token.value === undefined || isFlag(token)))
      messages.push(`${token.rawName} needs a value: ${token.rawName} ${option.value ?? 'VALUE'}`);
    else if (given.has(token.name) && option.multiple !== true)
      messages.push(`${token.rawName} is given twice`);
    given.add(token.name);
  }
  const operands = parsed.positionals;
  const { operandsMin, operandsMax } = command;
  if (operands.length < operandsMin) messages.push(`missing: isochrone ${name} ${command.operands}`);
  // After a flag that nobody knows, what looks like an operand may be its value.
  const extra = hasUnknown ? [] : operands.slice(operandsMax);
  for (const word of extra) messages.push(`too much: ${JSON.stringify(word)}`);
  return {
    problems: messages.map((message) => ({ file: 'command line', message })),
    flags: parsed.values as Invocation['flags'],
    operands,
  };
}

/** Whether the value that was taken looks like the next flag: `--client --json`. */
function isFlag(token: { value?: string | undefined; inlineValue?: boolean | undefined }): boolean {
  return token.inlineValue !== true && /^--[a-z]/.test(token.value ?? '');
}

function unknownFlag(flag: string, known: readonly string[]): string {
  const meant = nearest(flag.replace(/^-+/, ''), known);
  return `no such flag: ${flag}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}
