import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';
import type { Entry, TokenFault } from './tokens.ts';

/** Bounds on what one zone may take to read. */
export interface MasterLimits {
  readonly recordsMax: number;
  /** Problems reported; reading stops after them. */
  readonly problemsMax: number;
  /** Characters of one entry, continuation lines and comments included. */
  readonly entryCharsMax: number;
  /** $INCLUDE within $INCLUDE. */
  readonly includeDepthMax: number;
  /** Files included in all. */
  readonly includesMax: number;
  /** Characters of all files together. */
  readonly charsMax: number;
}

export const MASTER_LIMITS: MasterLimits = {
  recordsMax: 5_000_000,
  problemsMax: 1000,
  entryCharsMax: 1_000_000,
  includeDepthMax: 10,
  includesMax: 1000,
  charsMax: 2 ** 31,
};

/** What holds for the whole reading, included files too. */
export interface Reading {
  readonly records: ZoneRecord[];
  readonly problems: ZoneProblem[];
  readonly limits: MasterLimits;
  readonly read: (path: string) => string | undefined;
  /** From $TTL, or from the minimum of an SOA without a TTL of its own. */
  defaultTtl: number | undefined;
  /** TTL of the last record that stated one. */
  lastTtl: number | undefined;
  includes: number;
  chars: number;
  /** Set when a bound was hit. */
  stopped: boolean;
}

/** What holds within one file (RFC 1035 §5.1: restored after $INCLUDE). */
export interface FileState {
  readonly text: string;
  readonly file: string;
  readonly depth: number;
  origin: Uint8Array;
  /** Last owner stated; undefined before the first, and after one that could not be read. */
  owner: Uint8Array | undefined;
  ownerText: string;
  /** An owner was stated, but badly: records that lean on it are dropped, as one problem was reported. */
  ownerBad: boolean;
}

/** Where an entry begins. */
type Start = Pick<Entry, 'start' | 'line'>;
/** A place in a file, as problems name it. */
type Place = { file: string; line: number; column: number };

/**
 * The place of an offset. Counts lines from the entry's start on, so that a problem costs no more than its
 * entry.
 */
export function placeOf(state: FileState, start: Start, at: number): Place {
  let { line } = start;
  let lineStart = start.start;
  for (let next = state.text.indexOf('\n', lineStart); next >= 0 && next < at; line++) {
    lineStart = next + 1;
    next = state.text.indexOf('\n', lineStart);
  }
  return { file: state.file, line, column: at - lineStart + 1 };
}

/** Notes an error ; after too many, reading stops. */
export function report(reading: Reading, state: FileState, entry: Start, fault: TokenFault): void {
  const place = placeOf(state, entry, fault.at);
  reading.problems.push({ ...place, message: fault.message, severity: 'error' });
  const { problemsMax } = reading.limits;
  if (reading.problems.length >= problemsMax) stop(reading, place, `more than ${problemsMax} problems`);
}

/** Ends the reading because a bound was hit, and says so. */
export function stop(reading: Reading, place: Place, why: string): void {
  if (reading.stopped) return;
  reading.stopped = true;
  reading.problems.push({ ...place, message: `${why}: reading stops here`, severity: 'error' });
}
