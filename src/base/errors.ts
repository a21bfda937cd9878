/** One thing that is wrong with something an operator wrote, and where. */
export interface Problem {
  /** File (or `command line`, `HTTP body`, …) that holds the fault. */
  readonly file: string;
  /** 1-based; absent where lines make no sense. */
  readonly line?: number;
  /** 1-based, with `line`. */
  readonly column?: number;
  /** What is wrong, with the value quoted, and what would be right. */
  readonly message: string;
}

/** Codes of operators' errors: stable words that scripts may match. */
export type OperatorErrorCode =
  | 'bad-usage'
  | 'bad-config'
  | 'bad-zone'
  | 'bad-data'
  | 'port-in-use'
  | 'not-permitted'
  | 'store-unreachable'
  | 'admin-unreachable'
  | 'server-unreachable'
  | 'not-found'
  | 'bad-image';

/** An operator's error: everything that is wrong, at once, each with its place. */
export class OperatorError extends Error {
  readonly code: OperatorErrorCode;
  readonly problems: readonly Problem[];

  constructor(code: OperatorErrorCode, problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'OperatorError';
    this.code = code;
    this.problems = problems;
  }
}

/** `file:line:column: message`, the form that editors understand. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, message } = problem;
  const place = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined);
  return `${place.join(':')}: ${message}`;
}
