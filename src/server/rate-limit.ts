import { type AnswerContext, type Client, OUTCOME } from '../answer/context.ts';
import { COOKIE } from '../answer/cookies.ts';
import { cutToNothing } from '../answer/slip.ts';
import { type AccessList, permits } from '../base/access-list.ts';
import { countDrop, type ServerCounters } from './counters.ts';
import {
  countDisplaced,
  countLimited,
  LIMITED,
  RATE_CATEGORIES,
  type RateCategory,
} from './counters-abuse.ts';
import { type DropSamples, noteDrop, SAMPLED } from './drop-samples.ts';
import { DROPPED } from './handler.ts';
import {
  openRateTable,
  type RateTable,
  type RateTableData,
  rateTableData,
  withinRate,
} from './rate-table.ts';

/** How responses over UDP are limited to clients that have not shown who they are. */
export interface RateLimitOptions {
  /** Responses a second for one client, by category; 0: no bound. */
  readonly perSecond: Readonly<Record<RateCategory, number>>;
  /** How much of its rate a client may have at once, ms. */
  readonly burstMs: number;
  /** One in so many of the responses that are too many is sent, cut to nothing; 0: none. */
  readonly slip: number;
  /** Who is not limited. */
  readonly exempt?: AccessList | undefined;
  /** Nothing is dropped; what would be is counted. */
  readonly dryRun: boolean;
  /** Prefixes that the table has room for. */
  readonly prefixes: number;
}

/** What a thread is given: the options, and the table that all threads share. */
export interface RateLimitData {
  readonly options: RateLimitOptions;
  readonly table: RateTableData;
}

/** What limiting needs; one a thread. */
export interface Limiter {
  readonly table: RateTable;
  readonly options: RateLimitOptions;
  readonly counters: ServerCounters;
  readonly samples: DropSamples;
  /** Responses that were too many since one was sent all the same. */
  sinceSlip: number;
}

type LimiterParts = Pick<Limiter, 'counters' | 'samples'> & {
  /** `performance.now()` of this turn, ms, its only element. */
  readonly now: Float64Array;
};

/** By `OUTCOME`; -1: none. */
const categories = new Int8Array(16).fill(-1);
const CATEGORY_OF: readonly (readonly [number, RateCategory])[] = [
  [OUTCOME.ANSWER, 'responses'],
  [OUTCOME.STEERED, 'responses'],
  [OUTCOME.REFERRAL, 'referrals'],
  [OUTCOME.NODATA, 'nodata'],
  [OUTCOME.NXDOMAIN, 'nxdomains'],
  [OUTCOME.REJECTED, 'errors'],
  [OUTCOME.REFUSED, 'errors'],
  [OUTCOME.FAILED, 'errors'],
];
for (const [outcome, category] of CATEGORY_OF) categories[outcome] = RATE_CATEGORIES.indexOf(category);
const ERRORS = RATE_CATEGORIES.indexOf('errors');
// What other modules export is loaded and checked at each use.
const { GOOD: COOKIE_GOOD } = COOKIE;
const { DROPPED: LIMITED_DROPPED, LEAKED: LIMITED_LEAKED, SLIPPED: LIMITED_SLIPPED } = LIMITED;
const { RATE_LIMIT: SAMPLED_RATE_LIMIT } = SAMPLED;

/** What the threads of a process share. `seed`: 32 bits of chance. */
export function rateLimitData(options: RateLimitOptions, seed: number): RateLimitData {
  return { options, table: rateTableData(options.prefixes, seed) };
}

/** A limiter for this thread. */
export function openLimiter({ options, table }: RateLimitData, parts: LimiterParts): Limiter {
  // Each thread's clock starts with the thread; this one does not.
  const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  const perSecond = RATE_CATEGORIES.map((category) => options.perSecond[category]);
  return {
    counters: parts.counters,
    samples: parts.samples,
    options,
    table: openRateTable(table, { perSecond, burstMs: options.burstMs, clock: parts.now, offsetMs }),
    sinceSlip: 0,
  };
}

/**
 * What becomes of the response of `written` octets that `answer` just made over UDP: its length, if it is to
 * be sent; `DROPPED`, or that of what is sent in its place, if this client was sent too many.
 */
export function limitRate(
  limiter: Limiter,
  context: AnswerContext,
  client: Client,
  out: Uint8Array,
  written: number,
): number {
  const { table, options, counters } = limiter;
  const { outcome } = context;
  const category = categories[outcome.kind] as number;
  if (outcome.cookie === COOKIE_GOOD || category < 0) return written;
  if (options.exempt !== undefined && permits(options.exempt, client.address)) return written;
  const { displaced } = table;
  if (withinRate(table, client.address, category)) {
    if (table.displaced !== displaced) countDisplaced(counters, table.displaced - displaced);
    return written;
  }
  return refuse(limiter, context, client, { out, written, category });
}

/** Rare enough for an object. */
interface TooMany {
  readonly out: Uint8Array;
  readonly written: number;
  readonly category: number;
}

function refuse(limiter: Limiter, context: AnswerContext, client: Client, excess: TooMany): number {
  const { options, counters, samples } = limiter;
  const { out, written, category } = excess;
  const isSent = options.slip > 0 && ++limiter.sinceSlip >= options.slip;
  if (isSent) limiter.sinceSlip = 0;
  // An error says no more than its question: cut, it would say less.
  const action = isSent ? (category === ERRORS ? LIMITED_LEAKED : LIMITED_SLIPPED) : LIMITED_DROPPED;
  countLimited(counters, { category, action, dryRun: options.dryRun });
  noteDrop(samples, SAMPLED_RATE_LIMIT, client, out, context.query.questionEnd);
  if (options.dryRun || action === LIMITED_LEAKED) return written;
  if (action === LIMITED_SLIPPED) return cutToNothing(context, out, written);
  countDrop(counters, 'udp', 'rate-limit');
  return DROPPED;
}
