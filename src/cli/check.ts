import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import { type InspectedConfig, inspectConfig } from '../config/config.ts';
import { formatRecord } from '../zone/format.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { ZoneRecord } from '../zone/record.ts';
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
import { readZone, type ZoneToRead } from './zone-file.ts';

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
    const { errors, warnings, summary, records } = checkAll(operands, flags, terminal);
    const ok = errors.length === 0;
    const printed = hasFlag(flags, 'print') ? records.map(formatRecord) : undefined;
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

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

interface Checked {
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly summary: { readonly zones: number; readonly records: number };
  readonly records: readonly ZoneRecord[];
}

function checkAll(operands: readonly string[], flags: Flags, terminal: Terminal): Checked {
  const origins = textFlags(flags, 'origin');
  if (origins.length !== operands.length) {
    const given = count(operands.length, 'ZONEFILE');
    const message = `${given}, but --origin ${origins.length} times: one for each`;
    throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
  }
  const withConfig = operands.length === 0 || textFlag(flags, 'config') !== undefined;
  const inspected = withConfig ? inspectConfig(configSource(flags, terminal)) : undefined;
  const zones = operands.length === 0 ? zonesOf(inspected, flags, terminal) : [];
  for (const [i, file] of operands.entries()) {
    const namedAt = { file: 'command line' };
    zones.push({ origin: origins[i] ?? '', file, services: inspected?.serviceNames, namedAt });
  }
  const read = zones.map((zone) => readZone(zone, terminal));
  const problems = read.flatMap((zone) => zone.problems);
  const records = read.flatMap((zone) => zone.records);
  const plain = ({ severity: _, ...problem }: ZoneProblem): Problem => problem;
  const missing =
    inspected?.config === undefined
      ? []
      : missingFiles(inspected.config.geo, inspected.config.file, terminal);
  return {
    errors: [
      ...(inspected?.problems ?? []),
      ...missing,
      ...problems.filter(({ severity }) => severity === 'error').map(plain),
    ],
    warnings: problems.filter(({ severity }) => severity === 'warning').map(plain),
    summary: { zones: zones.length, records: records.length },
    records,
  };
}

function zonesOf(inspected: InspectedConfig | undefined, flags: Flags, terminal: Terminal): ZoneToRead[] {
  const { file } = configSource(flags, terminal);
  return (inspected?.zones ?? []).map((zone) => ({
    origin: zone.origin,
    file: zone.file,
    services: inspected?.serviceNames,
    namedAt: { file, ...zone.place },
  }));
}

function missingFiles(geo: { city?: string; asn?: string }, file: string, terminal: Terminal): Problem[] {
  return Object.entries(geo)
    .filter(([, path]) => path !== undefined && !terminal.exists(path))
    .map(([key, path]) => ({ file, message: `geo.${key}: there is no file ${JSON.stringify(path)}` }));
}
