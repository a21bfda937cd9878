import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Place } from '../config/document.ts';
import { TYPE } from '../wire/constants.ts';
import { parseName } from '../wire/name.ts';
import { checkZone } from '../zone/check.ts';
import { compileZone } from '../zone/compile.ts';
import { parseMaster } from '../zone/master.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { ZoneRecord } from '../zone/record.ts';
import type { Terminal } from './command.ts';

/** A zone to read. */
export interface ZoneToRead {
  readonly origin: string;
  readonly file: string;
  /** Names that STEER records may use; undefined accepts any. */
  readonly services: readonly string[] | undefined;
  /** Where the file was named, for the problem that it cannot be read. */
  readonly namedAt: { readonly file: string } & Place;
}

/** A zone as read. */
export interface ReadZone {
  /** As far as they could be read. To be served only if no problem is an error. */
  readonly records: readonly ZoneRecord[];
  readonly problems: readonly ZoneProblem[];
}

/** Reads a zone from its master file, and checks it up to what only compiling finds. */
export function readZone(wanted: ZoneToRead, terminal: Pick<Terminal, 'readText'>): ReadZone {
  const { file, namedAt } = wanted;
  const error = (problem: Problem): ReadZone => ({
    records: [],
    problems: [{ ...problem, severity: 'error' }],
  });
  const origin = parseName(wanted.origin);
  if (typeof origin === 'string') return error({ ...namedAt, message: `the origin: ${origin}` });
  const text = textOf(file, terminal);
  if (text === undefined)
    return error({ ...namedAt, message: `cannot read the zone file ${JSON.stringify(file)}` });
  const read = (path: string): string | undefined => textOf(path, terminal);
  const { records, problems } = parseMaster({ text, file, origin, read });
  const found = [
    ...problems,
    ...checkZone(records, origin),
    ...(wanted.services === undefined ? [] : unknownServices(records, wanted.services)),
  ];
  found.sort((left, right) => left.file.localeCompare(right.file) || (left.line ?? 0) - (right.line ?? 0));
  if (found.some(({ severity }) => severity === 'error')) return { records, problems: found };
  const zone = compileZone(records, { origin, services: wanted.services ?? records.flatMap(serviceOf) });
  if (!Array.isArray(zone)) return { records, problems: found };
  const more = zone.map((problem: Problem): ZoneProblem => ({ ...problem, severity: 'error' }));
  return { records, problems: [...found, ...more] };
}

function textOf(path: string, terminal: Pick<Terminal, 'readText'>): string | undefined {
  try {
    return terminal.readText(path);
  } catch {
    return undefined;
  }
}

/** The service that the record names, if it is a STEER record. */
function serviceOf(record: ZoneRecord): string[] {
  return record.type === TYPE.STEER ? [new TextDecoder().decode(record.rdata.subarray(1))] : [];
}

function unknownServices(records: readonly ZoneRecord[], services: readonly string[]): ZoneProblem[] {
  return records.flatMap((record) =>
    serviceOf(record)
      .filter((name) => !services.includes(name))
      .map((name) => {
        const meant = nearest(name, services);
        const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
        const message = `STEER: the configuration has no service ${JSON.stringify(name)}${hint}`;
        return { file: record.file, line: record.line, message, severity: 'error' as const };
      }),
  );
}
