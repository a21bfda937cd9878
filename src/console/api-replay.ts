import type { ReplayReport } from '../replay/report.ts';

/** What is asked of a replay: options as the command `replay` has them. */
export interface ReplayAsked {
  /** Codes of the POPs that are away after. */
  readonly without: readonly string[];
  /** Queries that one of the log stands for; undefined: as the log was written. */
  readonly oneOf: number | undefined;
  readonly requestsPerQuery: number;
  /** Port of the name server in captures. */
  readonly port: number;
  /** What the log is called, for people. */
  readonly log: string;
  /** A configuration to try, of so many octets, which come before the log; undefined: what runs. */
  readonly config: { readonly name: string; readonly octets: number } | undefined;
}

/** What somebody sends to be replayed, as it comes. */
export interface Upload {
  /** Octets of all of it, if that was said. */
  readonly octets: number | undefined;
  /** The next so many of them, or all that come. */
  readonly take: (octets: number) => Promise<Uint8Array>;
  /** Those after them. */
  readonly rest: () => AsyncGenerator<Uint8Array>;
}

/** A replay whose log was read whole. */
export interface RunningReplay {
  /** Tells from now on how far it is, in words. */
  readonly onProgress: (tell: (words: string) => void) => void;
  /** Rejects with an `OperatorError` with all that is wrong, or an `AbortError` once nobody wants it. */
  readonly done: Promise<ReplayOutcome>;
}

/**
 * Replays a log in a world that is not; resolves once it is read whole. Undefined: as many wait as may.
 * Rejects with an `OperatorError` with all that is wrong with what was sent; `stop` ends it.
 */
export type ReplayLog = (
  asked: ReplayAsked,
  upload: Upload,
  stop: AbortSignal,
) => Promise<RunningReplay | undefined>;

/** What a replay found, and the same as a page of its own. */
export interface ReplayOutcome {
  readonly report: ReplayReport;
  readonly html: string;
}

/** One line of what `/api/replay` tells while it works; the last is `done` or `problems`. */
export type ReplayLine =
  | { readonly progress: string }
  | { readonly done: ReplayView }
  | {
      readonly code: string;
      readonly problems: readonly { readonly file: string; readonly message: string }[];
    };

/** A `ReplayOutcome` as JSON has it: what is not a number is null. */
export interface ReplayView {
  readonly html: string;
  readonly report: Omit<ReplayReport, 'pops'> & {
    readonly pops: readonly (Omit<ReplayReport['pops'][number], 'capacityRps'> & {
      /** Null: it is not in that world. */
      readonly capacityRps: number | null;
    })[];
  };
}
