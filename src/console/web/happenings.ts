import type { HistoryPoint, LiveState, PopStateWord } from './replies.ts';

/** Something that an operator wants to have seen. */
export interface Happening {
  readonly atMs: number;
  readonly kind: PopStateWord | 'ready' | 'not-ready';
  readonly pop?: string;
  readonly words: string;
}

/** So many are kept. */
export const HAPPENINGS_MAX = 200;

const STATE_WORDS: Readonly<Record<PopStateWord, string>> = {
  up: 'is up again',
  down: 'went down',
  drained: 'was drained',
};

/** What changed between the kept points of the last hour, the latest first. */
export function happeningsOf(points: readonly HistoryPoint[]): readonly Happening[] {
  const found: Happening[] = [];
  for (const [index, point] of points.entries()) {
    const before = points[index - 1];
    if (before === undefined) continue;
    const [was, is] = [outOf(before), outOf(point)];
    for (const code of new Set([...was.keys(), ...is.keys()])) {
      const state = is.get(code) ?? 'up';
      if (state !== (was.get(code) ?? 'up')) found.push(popHappening(point.atMs, code, state));
    }
  }
  return found.reverse().slice(0, HAPPENINGS_MAX);
}

/** What changed from one word of the stream to the next, the latest first. */
export function changesBetween(before: LiveState, after: LiveState): readonly Happening[] {
  const found: Happening[] = [];
  const was = new Map(before.pops.map(({ code, state }) => [code, state]));
  for (const { code, state, why } of after.pops)
    if (state !== (was.get(code) ?? state)) found.push(popHappening(after.atMs, code, state, why));
  if (before.ready !== after.ready)
    found.push({
      atMs: after.atMs,
      kind: after.ready ? 'ready' : 'not-ready',
      words: after.ready ? 'the process is ready' : 'the process is not ready',
    });
  return found;
}

/** Those of the stream and those of history: what both saw is there once, as the stream saw it. */
export function joined(
  seen: readonly Happening[],
  kept: readonly Happening[],
  stepMs: number,
): readonly Happening[] {
  const known = kept.filter(
    ({ pop, kind, atMs }) =>
      !seen.some((one) => one.pop === pop && one.kind === kind && Math.abs(one.atMs - atMs) <= 2 * stepMs),
  );
  return [...seen, ...known].sort((left, right) => right.atMs - left.atMs).slice(0, HAPPENINGS_MAX);
}

function popHappening(atMs: number, pop: string, state: PopStateWord, why?: string): Happening {
  // `drained until …: reason` says the state itself.
  const told = why?.startsWith(state) ? `was ${why}` : `${STATE_WORDS[state]}: ${why}`;
  return { atMs, kind: state, pop, words: why === undefined ? STATE_WORDS[state] : told };
}

function outOf({ down, drained }: HistoryPoint): ReadonlyMap<string, PopStateWord> {
  return new Map<string, PopStateWord>([
    ...down.map((code) => [code, 'down'] as const),
    ...drained.map((code) => [code, 'drained'] as const),
  ]);
}
