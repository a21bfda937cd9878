import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Place } from '../config/document.ts';
import { TYPE, typeName } from '../wire/constants.ts';
import { namesEqual, parseName } from '../wire/name.ts';
import { checkZone } from '../zone/check.ts';
import { fillStaticHints } from '../zone/hints.ts';
import { createZoneImageBuilder } from '../zone/image-build.ts';
import { parseMaster } from '../zone/master.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { ZoneRecord } from '../zone/record.ts';

/** A zone to read. */
export interface ZoneToRead {
  readonly origin: string;
  readonly file: string;
  /** Names that STEER records may use; undefined accepts any. */
  readonly services: readonly string[] | undefined;
  /** Those of them that may answer with an alias; absent: none. */
  readonly aliases?: readonly string[] | undefined;
  /** Where the file was named, for the problem that it cannot be read. */
  readonly namedAt: { readonly file: string } & Place;
}

/** A zone as read. */
export interface ReadZone {
  /** As far as they could be read. To be served only if no problem is an error. */
  readonly records: readonly ZoneRecord[];
  readonly problems: readonly ZoneProblem[];
  /** Files that it includes, as they were opened. */
  readonly included: readonly string[];
}

/** What reading a zone works with. */
export interface ZoneReader {
  /** Throws where the file cannot be read. */
  readonly readText: (path: string) => string;
  /** Compiles a zone in which nothing is wrong so far; gives what only compiling finds. */
  readonly compile: (
    origin: Uint8Array,
    records: readonly ZoneRecord[],
    services: readonly string[],
  ) => readonly Problem[];
}

/** Compiles for nothing but the problems. */
export const compileToCheck: ZoneReader['compile'] = (origin, records, services) =>
  createZoneImageBuilder({ services }).add(origin, records);

/** Reads a zone from its master file, and checks it up to what only compiling finds. */
export function readZone(wanted: ZoneToRead, reader: ZoneReader): ReadZone {
  const { file, namedAt } = wanted;
  const included: string[] = [];
  const error = (problem: Problem): ReadZone => ({
    records: [],
    problems: [{ ...problem, severity: 'error' }],
    included,
  });
  const origin = parseName(wanted.origin);
  if (typeof origin === 'string') return error({ ...namedAt, message: `the origin: ${origin}` });
  const text = textOf(file, reader);
  if (text === undefined)
    return error({ ...namedAt, message: `cannot read the zone file ${JSON.stringify(file)}` });
  const read = (path: string): string | undefined => {
    included.push(path);
    return textOf(path, reader);
  };
  const parsed = parseMaster({ text, file, origin, read });
  const { records, problems: hints } = fillStaticHints(parsed.records);
  const found = [
    ...parsed.problems,
    ...hints.map((problem): ZoneProblem => ({ ...problem, severity: 'error' })),
    ...checkZone(records, origin),
    ...(wanted.services === undefined ? [] : unknownServices(records, wanted.services)),
    ...misplacedAliases(records, origin, wanted.aliases ?? []),
  ];
  found.sort((left, right) => left.file.localeCompare(right.file) || (left.line ?? 0) - (right.line ?? 0));
  if (found.some(({ severity }) => severity === 'error')) return { records, problems: found, included };
  const compiled = reader.compile(origin, records, wanted.services ?? records.flatMap(serviceOf));
  const more = compiled.map((problem): ZoneProblem => ({ ...problem, severity: 'error' }));
  return { records, problems: [...found, ...more], included };
}

function textOf(path: string, reader: Pick<ZoneReader, 'readText'>): string | undefined {
  try {
    return reader.readText(path);
  } catch {
    return undefined;
  }
}

/** The service that the record names, if it is a STEER record. */
function serviceOf(record: ZoneRecord): string[] {
  return record.type === TYPE.STEER ? [new TextDecoder().decode(record.rdata.subarray(1))] : [];
}

/** An alias stands alone at its name, and never at that of a zone (RFC 1034 §3.6.2). */
function misplacedAliases(
  records: readonly ZoneRecord[],
  origin: Uint8Array,
  aliases: readonly string[],
): ZoneProblem[] {
  if (aliases.length === 0) return [];
  const steered = records.filter((record) => serviceOf(record).some((name) => aliases.includes(name)));
  return steered.flatMap(({ owner, file, line, rdata }) => {
    const others = records.filter((one) => one.type !== TYPE.STEER && namesEqual(one.owner, owner));
    const isApex = namesEqual(owner, origin);
    if (!isApex && others.length === 0) return [];
    const service = JSON.stringify(new TextDecoder().decode(rdata.subarray(1)));
    const beside = isApex ? 'at the apex' : `beside ${typeName(others[0]?.type ?? 0)}`;
    const message = `STEER: the service ${service} may answer with an alias, which cannot stand ${beside}`;
    return [{ file, line, message, severity: 'error' as const }];
  });
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
