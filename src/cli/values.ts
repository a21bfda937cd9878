import type { Problem } from '../base/errors.ts';

/** Collects what is wrong with the values of flags, so that all is said at once. */
export interface ValueReader {
  readonly problems: Problem[];
  /** A number within bounds; undefined where the flag is absent or wrong. */
  readonly number: (flag: string, text: string | undefined, bounds: Bounds) => number | undefined;
  /** A whole number within bounds, in decimal digits; `what` with its article: `a port`. */
  readonly whole: (flag: string, text: string | undefined, bounds: Bounds) => number | undefined;
  /** `90`, `90s`, `10m`, `2h`, `1d` as seconds, at least 1 s and at most a year. */
  readonly seconds: (flag: string, text: string | undefined) => number | undefined;
  /** A time such as `2026-11-28T09:30:00Z`, or so long before now (`10m`), as ms since 1970 UTC. */
  readonly time: (flag: string, text: string | undefined, nowMs: number) => number | undefined;
  readonly wrong: (message: string) => undefined;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  /** What the number is, for the message: `milliseconds`. */
  readonly what: string;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };
/** ISO 8601 with its zone, so that it means the same everywhere. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;
const SECONDS_MAX = 365 * 86_400;

/** Reads values of flags, collecting problems. */
export function valueReader(): ValueReader {
  const problems: Problem[] = [];
  const wrong = (message: string): undefined => {
    problems.push({ file: 'command line', message });
    return undefined;
  };
  return {
    problems,
    wrong,
    number: (flag, text, { min, max, what }) => {
      if (text === undefined) return undefined;
      const value = /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      return wrong(`--${flag} ${JSON.stringify(text)} is not a number of ${what} from ${min} to ${max}`);
    },
    whole: (flag, text, { min, max, what }) => {
      if (text === undefined) return undefined;
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      const right = `a whole number from ${min} to ${max}`;
      return wrong(`--${flag} ${JSON.stringify(text)} is not ${what}: ${right}`);
    },
    seconds: (flag, text) => {
      if (text === undefined) return undefined;
      const match = /^(\d{1,9})([smhd]?)$/.exec(text);
      const value = match === null ? 0 : Number(match[1]) * (UNIT_SECONDS[match[2] as string] as number);
      if (value >= 1 && value <= SECONDS_MAX) return value;
      return wrong(
        `--${flag} ${JSON.stringify(text)} is not a time such as 90s, 10m, 2h or 1d (at most a year)`,
      );
    },
    time: (flag, text, nowMs) => {
      if (text === undefined) return undefined;
      const ago = /^(\d{1,9})([smhd])$/.exec(text);
      if (ago !== null) return nowMs - 1000 * Number(ago[1]) * (UNIT_SECONDS[ago[2] as string] as number);
      const atMs = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
      if (!Number.isNaN(atMs)) return atMs;
      const right = '2026-11-28T09:30:00Z, or so long ago: 90s, 10m, 1h';
      return wrong(`--${flag} ${JSON.stringify(text)} is not a time such as ${right}`);
    },
  };
}

/** A POP's code from the command line: letters may be small. */
export function popCodeOf(text: string, reader: ValueReader): string {
  const code = text.toUpperCase();
  if (!/^[A-Z][A-Z0-9]{1,7}$/.test(code))
    reader.wrong(`${JSON.stringify(text)} is not a POP code such as FRA`);
  return code;
}
