import type { Command, Option } from './command.ts';
import type { TableRow } from './table.ts';

/** What `isochrone help` prints. */
export function programHelp(commands: readonly TableRow[]): string {
  const rows = [
    ...commands.map(({ name, summary }) => [name, summary] as const),
    ['help [COMMAND]', 'print this, or the help of a command'] as const,
    ['version', 'print the version'] as const,
  ];
  return [
    'Isochrone: an authoritative DNS server that answers each client',
    'with the point of presence that serves it fastest.',
    '',
    'usage: isochrone COMMAND [OPERANDS] [--flags]',
    '',
    ...columns(rows),
    '',
    'Start with `isochrone up`; it prints what to try next. `isochrone help COMMAND` has examples.',
    'Every command has --help and --json. Exit codes: 0 done, 1 bad or failed, 2 wrong command line.',
  ].join('\n');
}

/** What `isochrone help COMMAND` prints. */
export function commandHelp(
  row: TableRow,
  command: Command,
  common: Readonly<Record<string, Option>>,
): string {
  const flags = Object.entries({ ...command.options, ...common }).map(
    ([name, { type, value, help }]) =>
      [`--${name}${type === 'string' ? ` ${value ?? 'VALUE'}` : ''}`, help] as const,
  );
  const usage = ['usage: isochrone', row.name, command.operands, '[--flags]'].filter((part) => part !== '');
  return [
    `${row.name}: ${row.summary}`,
    '',
    usage.join(' '),
    '',
    ...wrap(command.description),
    '',
    'flags:',
    ...columns(flags),
    '',
    'examples:',
    ...command.examples.flatMap(([line, meaning]) => [`  isochrone ${line}`, `      ${meaning}`]),
  ].join('\n');
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

const WIDTH = 100;

/** Lines of at most `WIDTH` columns, broken at blanks and nowhere else. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
