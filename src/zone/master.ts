import { parseName } from '../wire/name.ts';
import type { Token } from '../wire/presentation.ts';
import { parseSeconds, quote } from '../wire/presentation.ts';
import { readRecord } from './master-record.ts';
import type { FileState, MasterLimits, Reading } from './master-state.ts';
import { MASTER_LIMITS, placeOf, report, stop } from './master-state.ts';
import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';
import type { Entry, TokenFault } from './tokens.ts';
import { nextEntry, scanText } from './tokens.ts';

/** What `parseMaster` reads. */
export interface MasterInput {
  readonly text: string;
  /** Name of the file, for problems and for finding included files. */
  readonly file: string;
  /** Name of the zone, in wire form: what relative names are below. */
  readonly origin: Uint8Array;
  /**
   * Text of an included file, given its path relative to that of `file`; undefined if it cannot be read.
   */
  readonly read: (path: string) => string | undefined;
  readonly limits?: Partial<MasterLimits>;
}

/** What was read. The records are to be served only if no problem is an error. */
export interface MasterResult {
  readonly records: ZoneRecord[];
  readonly problems: ZoneProblem[];
}

/**
 * Reads a master file (RFC 1035 §5, $TTL by RFC 2308 §4) as BIND, NSD and Knot do, with our type STEER
 * besides. Goes on after an error and reports every one. Relative $INCLUDE paths start at the including
 * file's folder. Absent TTLs are those of $TTL, else of the record before, else for an SOA its minimum.
 */
export function parseMaster(input: MasterInput): MasterResult {
  const reading: Reading = {
    records: [],
    problems: [],
    limits: { ...MASTER_LIMITS, ...input.limits },
    read: input.read,
    defaultTtl: undefined,
    lastTtl: undefined,
    includes: 0,
    chars: 0,
    stopped: false,
  };
  readText(reading, { text: input.text, file: input.file, depth: 0, origin: input.origin });
  return { records: reading.records, problems: reading.problems };
}

function readText(reading: Reading, source: Pick<FileState, 'text' | 'file' | 'depth' | 'origin'>): void {
  const state: FileState = { ...source, owner: undefined, ownerText: '', ownerBad: false };
  const scanner = scanText(source.text);
  reading.chars += source.text.length;
  if (reading.chars > reading.limits.charsMax) {
    stop(
      reading,
      { file: source.file, line: 1, column: 1 },
      `more than ${reading.limits.charsMax} characters`,
    );
    return;
  }
  const replaced = source.text.indexOf('\ufffd');
  if (replaced >= 0) {
    const place = placeOf(state, { start: 0, line: 1 }, replaced);
    reading.problems.push({ ...place, message: 'the file is not UTF-8 here', severity: 'warning' });
  }
  while (!reading.stopped) {
    const entry = nextEntry(scanner, reading.limits.entryCharsMax);
    if (entry === undefined) return;
    const fault = entry.wrong ?? (isDirective(entry) ? readDirective(reading, state, entry) : undefined);
    if (fault !== undefined) report(reading, state, entry, fault);
    else if (!isDirective(entry)) readRecord(reading, state, entry);
  }
}

function isDirective(entry: Entry): boolean {
  const first = entry.tokens[0] as Token;
  return !entry.blankOwner && !first.quoted && first.text.startsWith('$');
}

/** Does what a directive says. A result says what is wrong with it. */
function readDirective(reading: Reading, state: FileState, entry: Entry): TokenFault | undefined {
  const [first, argument, second, third] = entry.tokens as [Token, ...Token[]];
  const directive = first.text.toUpperCase();
  const fault = (message: string, token: Token = first): TokenFault => ({ message, at: token.at });
  if (directive === '$GENERATE')
    return fault('$GENERATE is not supported: write the records out, or make them with a script');
  if (directive !== '$ORIGIN' && directive !== '$TTL' && directive !== '$INCLUDE')
    return fault(`${quote(first.text)} is not a directive: $ORIGIN, $TTL and $INCLUDE are`);
  if (argument === undefined) return fault(`${directive} needs a value`);
  const extra = directive === '$INCLUDE' ? third : second;
  if (extra !== undefined) return fault(`${quote(extra.text)} is too much after ${directive}`, extra);
  if (directive === '$TTL') {
    const ttl = parseSeconds(argument.text);
    if (ttl >= 0) reading.defaultTtl = ttl;
    return ttl >= 0
      ? undefined
      : fault(`${quote(argument.text)} is not a TTL: seconds, or as 1h30m`, argument);
  }
  const nameToken = directive === '$ORIGIN' ? argument : second;
  const origin = nameToken === undefined ? state.origin : parseName(nameToken.text, state.origin);
  if (typeof origin === 'string') return fault(`${directive}: ${origin}`, nameToken);
  if (directive === '$INCLUDE') {
    const wrong = include(reading, state, argument.text, origin);
    return wrong === undefined ? undefined : fault(`$INCLUDE ${quote(argument.text)}: ${wrong}`, argument);
  }
  state.origin = origin;
  state.ownerText = '';
  return undefined;
}

/** Reads another file with an origin of its own; origin and owner of this one are as before afterwards. */
function include(reading: Reading, state: FileState, path: string, origin: Uint8Array): string | undefined {
  const { includeDepthMax, includesMax } = reading.limits;
  if (state.depth >= includeDepthMax) return `more than ${includeDepthMax} files within each other`;
  if (reading.includes >= includesMax) return `more than ${includesMax} files in all`;
  reading.includes++;
  const file = path.startsWith('/') ? path : state.file.slice(0, state.file.lastIndexOf('/') + 1) + path;
  const text = reading.read(file);
  if (text === undefined) return `cannot read ${file}`;
  readText(reading, { text, file, depth: state.depth + 1, origin });
  return undefined;
}
