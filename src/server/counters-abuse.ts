import type { FamilySpec } from '../base/counters.ts';
import type { ServerCounters } from './counters.ts';

/** Kinds of responses that are limited apart, as BIND has them. */
export const RATE_CATEGORIES = ['responses', 'referrals', 'nodata', 'nxdomains', 'errors'] as const;
export type RateCategory = (typeof RATE_CATEGORIES)[number];

/** What became of a response that was one too many: nothing, an empty one that said TC, or it was sent. */
export const LIMITED = { DROPPED: 0, SLIPPED: 1, LEAKED: 2 } as const;
const ACTIONS = Object.keys(LIMITED).map((name) => name.toLowerCase());
const MODES = ['enforced', 'dry-run'];

const NAME = {
  limited: 'isochrone_dns_rate_limited_total',
  displaced: 'isochrone_dns_rate_displaced_total',
} as const;

/** Where the families of this file begin in a block. */
export interface AbuseCounters {
  readonly limited: number;
  readonly displaced: number;
}

/** What is counted of clients that ask too much. */
export const ABUSE_FAMILIES: readonly FamilySpec[] = [
  {
    name: NAME.limited,
    help: 'Responses over UDP that were too many for their client, by what became of them.',
    kind: 'counter',
    labels: [
      { name: 'category', values: RATE_CATEGORIES },
      { name: 'action', values: ACTIONS },
      { name: 'mode', values: MODES },
    ],
  },
  {
    name: NAME.displaced,
    help: 'Prefixes that lost their place in the table of rates to others: it is too small.',
    kind: 'counter',
    labels: [],
  },
];

/** Finds the families by their names. */
export function abuseCounters(at: (name: string) => number): AbuseCounters {
  return { limited: at(NAME.limited), displaced: at(NAME.displaced) };
}

/** Counts a response that was one too many. */
export function countLimited(
  { block, abuse }: ServerCounters,
  what: { readonly category: number; readonly action: number; readonly dryRun: boolean },
): void {
  const slot = (what.category * ACTIONS.length + what.action) * MODES.length + (what.dryRun ? 1 : 0);
  block[abuse.limited + slot] = (block[abuse.limited + slot] as number) + 1;
}

/** Counts prefixes that were forgotten before their time. */
export function countDisplaced({ block, abuse }: ServerCounters, count: number): void {
  block[abuse.displaced] = (block[abuse.displaced] as number) + count;
}
