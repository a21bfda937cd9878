import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import { type InspectedConfig, inspectConfig } from '../config/config.ts';
import { formatRecord } from '../zone/format.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import { certificateProblems } from './certificate.ts';
import {
  type Command,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  hasFlag,
  type Terminal,
  textFlag,
  textFlags,
} from './command.ts';
import { CONFIG_OPTION, configSource } from './config-file.ts';
import { cookieProblems } from './cookie-secrets.ts';
import { dropListProblems } from './drop-list.ts';
import { geoProblems } from './geo-files.ts';
import { measureProblems } from './measure-files.ts';
import { securityProblems } from './security-files.ts';
import { transferTlsProblems } from './transfer-tls.ts';
import { compileToCheck, readZone, type ZoneToRead } from './zone-file.ts';
import { signingProblems } from './zone-signers.ts';

export const checkCommand: Command = {
  operands: '[ZONEFILE…]',
  operandsMin: 0,
  operandsMax: 10_000,
  description:
    'Checks the configuration, the list of POPs and every zone that it names: syntax, values, names ' +
    'that stand for nothing, what stands twice, and what would be served wrongly. Prints all problems ' +
    'as FILE:LINE:COLUMN: what is wrong. With ZONEFILEs it checks these alone (and the configuration, ' +
    'if --config names one: its services are then known).',
  options: {
    ...CONFIG_OPTION,
    origin: {
      type: 'string',
      value: 'NAME',
      multiple: true,
      help: 'name of the zone in a ZONEFILE; once for each, in their order',
    },
    print: {
      type: 'boolean',
      help: 'print every record as it was read: one a line, names absolute, includes in place',
    },
  },
  examples: [
    ['check', 'check the configuration of the demo and its zone'],
    ['check --config deploy/isochrone.yaml', 'check a configuration of your own and all its zones'],
    ['check edge.zone --origin edge.example', 'check a zone alone'],
    ['check --print', 'see the records of the demo as they are understood'],
  ],
  run: async ({ operands, flags, json, terminal }) => {
    const { errors, warnings, summary, printed } = checkAll(operands, flags, terminal);
    const ok = errors.length === 0;
    if (json) {
      const all = printed === undefined ? {} : { printed };
      terminal.out(JSON.stringify({ ok, errors, warnings, ...summary, ...all }, undefined, 2));
    } else {
      for (const line of printed ?? []) terminal.out(line);
      for (const problem of errors) terminal.out(formatProblem(problem));
      for (const problem of warnings)
        terminal.out(formatProblem({ ...problem, message: `warning: ${problem.message}` }));
      const counted = `${count(summary.zones, 'zone')}, ${count(summary.records, 'record')}`;
      const found = `${count(errors.length, 'error')}, ${count(warnings.length, 'warning')}`;
      terminal.out(`${ok ? 'good' : 'bad'}: ${counted}: ${found}`);
    }
    return ok ? EXIT_OK : EXIT_FAILED;
  },
};

/** Progress is shown from then on, ms. */
const PROGRESS_AFTER_MS = 500;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

interface Checked {
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly summary: { readonly zones: number; readonly records: number };
  /** Every record as a line, if wanted. */
  readonly printed: readonly string[] | undefined;
}

/** Checks a configuration and its zones, or zone files alone, as the flags say. */
export function checkAll(operands: readonly string[], flags: Flags, terminal: Terminal): Checked {
  const origins = textFlags(flags, 'origin');
  if (origins.length !== operands.length) {
    const given = count(operands.length, 'ZONEFILE');
    const message = `${given}, but --origin ${origins.length} times: one for each`;
    throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
  }
  const withConfig = operands.length === 0 || textFlag(flags, 'config') !== undefined;
  const inspected = withConfig ? inspectConfig(configSource(flags, terminal)) : undefined;
  const zones = operands.length === 0 ? zonesOf(inspected, flags, terminal) : [];
  const aliases = aliasesOf(inspected);
  for (const [i, file] of operands.entries()) {
    const namedAt = { file: 'command line' };
    zones.push({ origin: origins[i] ?? '', file, services: inspected?.serviceNames, aliases, namedAt });
  }
  const read = readZones(zones, { terminal, print: hasFlag(flags, 'print') });
  const plain = ({ severity: _, ...problem }: ZoneProblem): Problem => problem;
  const isError = ({ severity }: ZoneProblem): boolean => severity === 'error';
  return {
    errors: [
      ...(inspected?.problems ?? []),
      ...(inspected?.config === undefined ? [] : geoProblems(inspected.config)),
      ...(inspected?.config === undefined ? [] : measureProblems(inspected.config, terminal)),
      ...(inspected?.config === undefined ? [] : signingProblems(inspected.config)),
      ...(inspected?.config === undefined ? [] : securityProblems(inspected.config, terminal)),
      ...(inspected?.config === undefined ? [] : cookieProblems(inspected.config, terminal)),
      ...(inspected?.config === undefined ? [] : dropListProblems(inspected.config, terminal)),
      ...(inspected?.config === undefined ? [] : certificateProblems(inspected.config, terminal)),
      ...(inspected?.config === undefined ? [] : transferTlsProblems(inspected.config)),
      ...read.problems.filter(isError).map(plain),
    ],
    warnings: read.problems.filter((problem) => !isError(problem)).map(plain),
    summary: { zones: zones.length, records: read.recordCount },
    printed: read.printed,
  };
}

/** Reads one zone after the other, keeping of each what is to be printed. */
function readZones(
  zones: readonly ZoneToRead[],
  options: { readonly terminal: Terminal; readonly print: boolean },
): { problems: ZoneProblem[]; recordCount: number; printed: string[] | undefined } {
  const { terminal, print } = options;
  const problems: ZoneProblem[] = [];
  const printed: string[] = [];
  let recordCount = 0;
  const startedMs = performance.now();
  for (const [i, zone] of zones.entries()) {
    const read = readZone(zone, { readText: terminal.readText, compile: compileToCheck });
    problems.push(...read.problems);
    recordCount += read.records.length;
    if (print) printed.push(...read.records.map(formatRecord));
    if (i % 100 === 99 && performance.now() - startedMs > PROGRESS_AFTER_MS)
      terminal.passing(`checking: ${i + 1} of ${zones.length} zones`);
  }
  terminal.passing('');
  return { problems, recordCount, printed: print ? printed : undefined };
}

/** Services of which a POP answers with an alias. */
function aliasesOf(inspected: InspectedConfig | undefined): string[] {
  const { services = [], fleet } = inspected?.config ?? {};
  const isAlias = (pop: number): boolean => fleet?.pops[pop]?.links.some(({ cname }) => cname) === true;
  return services.filter(({ popIndexes }) => popIndexes.some(isAlias)).map(({ name }) => name);
}

function zonesOf(inspected: InspectedConfig | undefined, flags: Flags, terminal: Terminal): ZoneToRead[] {
  const { file } = configSource(flags, terminal);
  // What comes from elsewhere has no file to check.
  const own = (inspected?.zones ?? []).filter(({ isSecondary }) => !isSecondary);
  return own.map((zone) => ({
    origin: zone.origin,
    file: zone.file,
    services: inspected?.serviceNames,
    aliases: aliasesOf(inspected),
    namedAt: { file, ...zone.place },
  }));
}
