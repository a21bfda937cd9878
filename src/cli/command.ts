/**
 * Room `cli`: what a person types and what is printed: one file a command, each a value of `Command`. May
 * import everything; nothing imports it but `main.ts`. It touches the machine only through `Terminal`, the
 * store and the admin API, so that tests run commands in their own process.
 */

/** A flag of a command. Flags are long (`--for 2h`); a value is always text, read by the command itself. */
export interface Option {
  readonly type: 'string' | 'boolean';
  /** May be given several times; the value is then a list. */
  readonly multiple?: boolean;
  /** What stands for the value in the help: `ADDR`. Of string options only. */
  readonly value?: string;
  /** One line: meaning, unit, default. */
  readonly help: string;
}

/** Flags as given: text, true, or a list for those that are `multiple`. Absent flags are absent. */
export interface Flags {
  readonly [name: string]: string | boolean | readonly (string | boolean)[] | undefined;
}

/** What a command is given to run. */
export interface Invocation {
  /** What was given besides flags, in order. Their number is within the command's bounds. */
  readonly operands: readonly string[];
  readonly flags: Flags;
  /** `--json`: print one JSON value and nothing else on standard output. */
  readonly json: boolean;
  readonly terminal: Terminal;
}

/** The machine, as commands see it. */
export interface Terminal {
  /** Prints a text and a line end to standard output. */
  readonly out: (text: string) => void;
  /** The same to standard error: problems, progress, warnings. */
  readonly err: (text: string) => void;
  /** Shows how far something is, on a terminal only: the next such text or line takes its place. */
  readonly passing: (text: string) => void;
  /** Standard output is a terminal and nobody asked for no colour (https://no-color.org). */
  readonly colour: boolean;
  /** Columns and rows of standard output now; undefined: it is no terminal. Absent: as undefined. */
  readonly size?: () => { readonly columns: number; readonly rows: number } | undefined;
  /**
   * Calls back with each key that is pressed, unseen and at once, until the function that it returns is
   * called. Ctrl-C then is a key like others. undefined: nobody has keys here. Absent: as undefined.
   */
  readonly onKey?: (then: (key: string) => void) => (() => void) | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a text file; an `OperatorError('not-found')` where it cannot. */
  readonly readText: (path: string) => string;
  /** Names of what is in a folder; an `OperatorError('not-found')` where it cannot be read. */
  readonly listFolder: (path: string) => readonly string[];
  readonly writeText: (path: string, text: string) => void;
  /** Makes a folder and those above it, where they are missing. */
  readonly makeFolder: (path: string) => void;
  readonly exists: (path: string) => boolean;
  /** Aborted by the first SIGINT or SIGTERM: long-running commands then close what they opened and return. */
  readonly stop: AbortSignal;
  /** Calls back at each SIGHUP, which then ends nothing, until the function that it returns is called. */
  readonly onHangup: (then: () => void) => () => void;
}

/** Exit codes of every command. */
export const EXIT_OK = 0;
/** What was checked is bad, or what was asked for could not be done. */
export const EXIT_FAILED = 1;
/** The command line itself is wrong. */
export const EXIT_USAGE = 2;

/**
 * One command. Its name and its summary line stand in the table (`table.ts`), so that help need not load
 * it.
 */
export interface Command {
  /** Operands in the help: `NAME [TYPE]`. Empty: none. */
  readonly operands: string;
  /** How many operands at least and at most. */
  readonly operandsMin: number;
  readonly operandsMax: number;
  /** Words that an operand may be, for shells to complete. Absent: none is known. */
  readonly words?: readonly string[];
  /** A paragraph or two for `help COMMAND`. */
  readonly description: string;
  /** Without `json` and `help`, which every command has. */
  readonly options: Readonly<Record<string, Option>>;
  /** Whole command lines without the word `isochrone`, each with what it does. At least one. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /**
   * Does it; gives the exit code. An `OperatorError` thrown is printed with all its problems: exit code 2 for
   * `bad-usage`, else 1.
   */
  readonly run: (invocation: Invocation) => Promise<number>;
}

/** The value of a string flag that may be given once. */
export function textFlag(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of a string flag that may be given several times. */
export function textFlags(flags: Flags, name: string): readonly string[] {
  const value = flags[name];
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

/** Whether a boolean flag was given. */
export function hasFlag(flags: Flags, name: string): boolean {
  return flags[name] === true;
}
