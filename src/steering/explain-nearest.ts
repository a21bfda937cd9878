import type { ExplainedPop } from './explain-pop.ts';
import type { PopTermsRecord } from './terms.ts';

/** The POP with the shortest round-trip time, where clients get another. */
export interface PassedOver {
  readonly pop: string;
  /** By how much shorter it is than that of the POP that they get, ms. */
  readonly nearerMs: number;
  /** Why they do not get it: `down since …: 3 of 4 views: …`, `its price is 8.1 ms: …`. */
  readonly why: string;
}

/** What counts against a POP, and by how much, ms. */
const TERMS = [
  ['priceMs', 'its price is'],
  ['congestionMs', 'the congestion of its links is'],
  ['lossMs', 'its losses count for'],
  ['biasMs', "the operator's preference counts for"],
] as const;

/**
 * Why clients do not get the nearest POP that serves the service; undefined where they do. `outSince`: since
 * when it is out, ms since 1970, as far as that is known.
 */
export function passedOver(
  pops: readonly ExplainedPop[],
  found: {
    readonly chosen: string;
    /** Codes of the POPs that serve the service. */
    readonly serving: ReadonlySet<string>;
    readonly recordOf: (code: string) => PopTermsRecord | undefined;
    readonly outSinceMs: (code: string) => number | undefined;
    readonly isShared: boolean;
  },
): PassedOver | undefined {
  const own = pops.find(({ pop }) => pop === found.chosen);
  const [nearest] = pops
    .filter(({ pop }) => found.serving.has(pop))
    .toSorted((one, other) => one.rttMs - other.rttMs);
  if (own === undefined || nearest === undefined || nearest.rttMs >= own.rttMs) return undefined;
  const { pop, out } = nearest;
  const why =
    out === undefined
      ? termWords(nearest, own, found.recordOf(pop))
      : outWords(out, found.recordOf(pop), found.outSinceMs(pop));
  const fallback = found.isShared
    ? 'its clients are divided, and this one belongs to another'
    : 'it is not better by enough to move';
  return { pop, nearerMs: Math.round((own.rttMs - nearest.rttMs) * 100) / 100, why: why || fallback };
}

function outWords(out: string, record: PopTermsRecord | undefined, sinceMs: number | undefined): string {
  const since = sinceMs === undefined ? '' : ` since ${new Date(sinceMs).toISOString()}`;
  if (out.startsWith('drained')) return `it is drained${since}${out.slice('drained'.length)}`;
  if (out.startsWith('down')) return `it is ${out}`;
  const word = record?.state === 'drained' ? 'drained' : 'down';
  return `it is ${word}${since}: ${out}`;
}

/** What counts more against it than against the POP that is chosen, the most first; '' where nothing does. */
function termWords(nearest: ExplainedPop, own: ExplainedPop, record: PopTermsRecord | undefined): string {
  return TERMS.map(([term, words]) => ({ term, words, moreMs: nearest[term] - own[term] }))
    .filter(({ moreMs }) => moreMs > 0)
    .toSorted((one, other) => other.moreMs - one.moreMs)
    .map(({ term, words }) => `${words} ${nearest[term]} ms${term === 'priceMs' ? loadWords(record) : ''}`)
    .join(', ');
}

function loadWords(record: PopTermsRecord | undefined): string {
  if (record?.reportedRps === undefined) return '';
  const { reportedRps, expectedRps = reportedRps, capacityRps } = record;
  const [now, soon, most] = [reportedRps, expectedRps, capacityRps].map((rps) => Math.round(rps));
  const coming = expectedRps > reportedRps ? `, expects ${soon}` : '';
  return ` (it serves ${now} requests/s${coming}, and can serve ${most})`;
}
