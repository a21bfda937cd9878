import { formatName } from '../wire/name.ts';
import { parseMaster } from '../zone/master.ts';
import type { Draft, Place } from './draft.ts';
import { type Files, textOf } from './files.ts';
import { createZoneText, putSound } from './zone-text.ts';

/** A DYNA or DYNC record. */
export interface Dynamic {
  readonly type: 'DYNA' | 'DYNC';
  readonly plugin: string;
  readonly resource: string;
  /** Seconds. */
  readonly ttl: { readonly min: number; readonly max: number };
  readonly place: Place;
}

/** Types and data that stand in place of a dynamic record; undefined: nothing can. */
type Carry = (record: Dynamic) => string | undefined;

const TTL = '[\\dsmhdw]+';
/** Owner, blank, longest and shortest TTL, type, plugin, resource. */
const DYNAMIC = new RegExp(
  `^([^\\s;]*)(\\s+)(?:(?:IN\\s+)?(${TTL})(?:/(${TTL}))?\\s+)?(?:IN\\s+)?` +
    '(DYN[AC])\\s+([^\\s;!]+)(?:!([^\\s;]+))?',
  'i',
);
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Reads a zone file of gdnsd, with what stands in place of its dynamic records. */
export function zoneText(
  draft: Draft,
  zone: {
    readonly origin: Uint8Array;
    readonly file: string;
    readonly text: string;
    readonly defaultTtl: number;
    readonly files: Files;
    readonly carry: Carry;
  },
): string {
  const { origin, file, text, defaultTtl, files, carry } = zone;
  const translate = (from: string, at: string): string =>
    translateLines(from, { file: at, origin: formatName(origin), draft, carry, ttl: defaultTtl });
  // The default of the whole configuration; lines are counted from the next.
  const parsed = parseMaster({
    text: `$TTL ${defaultTtl}\n${translate(text, file)}`,
    file,
    origin,
    read: (path) => {
      const included = textOf(path, files);
      return included === undefined ? undefined : translate(included, path);
    },
  });
  const lineOf = (at: string, line: number): number => (at === file ? line - 1 : line);
  for (const { file: at, line = 1, message, severity } of parsed.problems)
    if (severity === 'error') draft.lost({ file: at, line: lineOf(at, line) }, 'a record', message);
  const written = createZoneText(origin, draft);
  putSound(
    written,
    draft,
    parsed.records.map((record) => ({ ...record, line: lineOf(record.file, record.line) })),
  );
  return written.finish();
}

/** The text with ordinary records only, line by line. */
function translateLines(
  text: string,
  how: {
    readonly file: string;
    readonly origin: string;
    readonly draft: Draft;
    readonly carry: Carry;
    readonly ttl: number;
  },
): string {
  const { file, origin, draft, carry } = how;
  let { ttl: defaultTtl } = how;
  const lines = text.split('\n').map((line, i) => {
    const place = { file, line: i + 1 };
    const absolute = withZoneName(line, origin);
    if (/(?:^|[\s.])@F(?=[\s;]|$)/.test(absolute))
      draft.changed(place, '@F', 'it is taken for the zone, as it is outside of included files');
    const plain = absolute.replace(/(^|[\s.])@F(?=[\s;]|$)/g, (_, before: string) => `${before}${origin}`);
    const ttlLine = /^\$TTL\s+([\dsmhdw]+)/i.exec(plain);
    if (ttlLine !== null) defaultTtl = seconds(ttlLine[1] ?? '');
    const found = DYNAMIC.exec(plain);
    if (found === null) return plain;
    const [, owner = '', blank = ' ', most, least, type = '', plugin = '', resource = ''] = found;
    const max = most === undefined ? defaultTtl : seconds(most);
    const min = least === undefined ? Math.floor(max / 2) : seconds(least);
    const data = carry({
      type: type.toUpperCase() === 'DYNC' ? 'DYNC' : 'DYNA',
      plugin,
      resource,
      ttl: { min, max },
      place,
    });
    return data === undefined ? '' : `${owner}${blank}${max} ${data}`;
  });
  return lines.join('\n');
}

/** `@Z` is the zone's name, alone and at the end of names. */
function withZoneName(line: string, origin: string): string {
  return line.replace(/(^|[\s.])@Z(?=[\s;]|$)/g, (_, before: string) => `${before}${origin}`);
}

function seconds(text: string): number {
  let sum = 0;
  for (const [, digits, unit = 's'] of text.toLowerCase().matchAll(/(\d+)([smhdw])?/g))
    sum += Number(digits) * (UNITS[unit] ?? 1);
  return sum;
}
