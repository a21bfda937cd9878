import type { Problem } from '../base/errors.ts';

/** By file (the configuration first), then by line. */
export function inOrder(problems: readonly Problem[], file: string): Problem[] {
  const rank = (problem: Problem): number => (problem.file === file ? 0 : 1);
  return problems.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      a.file.localeCompare(b.file) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
}
