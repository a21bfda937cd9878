import type { Link } from '../base/fleet.ts';
import { mix32 } from '../base/random.ts';
import type { SteeringParams } from './params.ts';

/** What was reported of one link. */
export interface LinkState {
  readonly throughputMbps: number;
  readonly capacityMbps: number;
  /** Standing queue: RTT added, ms. */
  readonly queueMs: number;
  /** 0..1. */
  readonly lossRate: number;
}

/** Congestion remaining below this is none, ms: so that a term ends. */
const CONGESTION_OVER_MS = 0.5;

/**
 * Congestion of a link in ms before smoothing: its standing queue, its loss x `lossMsPerUnit`, and a charge
 * for utilisation that rises with the square of what is above the knee to `congestionFullMs` at full, and
 * on. Bounded.
 */
export function linkCongestionMs(link: LinkState, params: SteeringParams): number {
  const utilisation = link.capacityMbps > 0 ? link.throughputMbps / link.capacityMbps : 0;
  const above = Math.max(0, utilisation - params.congestionKnee) / (1 - params.congestionKnee);
  const sum = link.queueMs + params.lossMsPerUnit * link.lossRate + params.congestionFullMs * above * above;
  return Number.isFinite(sum) ? Math.max(0, Math.min(params.congestionMaxMs, sum)) : 0;
}

/** Smoothed congestion after a tick: rises fast, falls slower. A link without report keeps falling. */
export function nextCongestionMs(before: number, seenMs: number, params: SteeringParams): number {
  const share = seenMs > before ? params.congestionRise : params.congestionFall;
  const next = before + share * (seenMs - before);
  return next < CONGESTION_OVER_MS && seenMs < CONGESTION_OVER_MS ? 0 : next;
}

/**
 * Whether a link shares its POP's clients: within `linkSlackMs` of the POP's best link to stay, within half
 * of it to come back, so that a link on the border does not come and go.
 */
export function linkShares(
  link: { congestionMs: number; bestMs: number; shared: boolean },
  params: SteeringParams,
): boolean {
  const slack = link.shared ? params.linkSlackMs : params.linkSlackMs / 2;
  return link.congestionMs - link.bestMs <= slack;
}

/** Places among which a POP's links are spread: shares are right to a few hundredths. */
const LINK_SLOTS = 64;

/**
 * Link index by slot; cells choose their slot by a hash. Links have slots in proportion to their capacity;
 * when one leaves or returns, only its own slots change hands (weighted rendezvous hashing).
 */
export function spreadLinks(links: readonly Link[]): readonly number[] {
  if (links.length <= 1) return links.map(({ index }) => index);
  return Array.from({ length: LINK_SLOTS }, (_, slot) => {
    let chosen = -1;
    let best = -Infinity;
    for (const { index, capacityMbps } of links) {
      const uniform = (mix32(Math.imul(slot + 1, 0x9e3779b1) ^ index) + 0.5) / 2 ** 32;
      const height = Math.max(1, capacityMbps) / -Math.log(uniform);
      if (height <= best) continue;
      best = height;
      chosen = index;
    }
    return chosen;
  });
}
