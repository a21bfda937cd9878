import type { Problem } from '../base/errors.ts';

/** Which zones are read again, and how. */
export interface ZoneReloadWish {
  /** Absent: all that have files. */
  readonly zone?: string | undefined;
  /** Take a zone although its serial is not newer. */
  readonly force: boolean;
  /** Only say what would change. */
  readonly dry: boolean;
}

/** Records that went or came, as lines of a master file: the first of them, and how many in all. */
export interface ChangedLines {
  readonly count: number;
  readonly lines: readonly string[];
}

/** What became of a zone that was read again. */
export interface ReloadedZone {
  readonly origin: string;
  /** `broken`: it stays as it was. `withheld`: there is nothing to serve. */
  readonly kind: 'changed' | 'same' | 'broken' | 'withheld';
  readonly problems: readonly Problem[];
  readonly serialBefore?: number;
  readonly serial?: number;
  readonly removed?: ChangedLines;
  readonly added?: ChangedLines;
}

/** A zone that comes from elsewhere. Times are ms since 1970 UTC. */
export interface SecondaryZone {
  readonly origin: string;
  readonly serial: number | undefined;
  readonly confirmedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  readonly nextLookMs: number;
  readonly isExpired: boolean;
  /** Why it could not be renewed last. */
  readonly fault: string | undefined;
}
