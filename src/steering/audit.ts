import { findEstimate, levelMs } from './estimates.ts';
import type { Planner } from './planner.ts';
import { APART_MS, WITNESSES } from './trust.ts';

/** A network that a POP is to measure because another POP is next door to it. */
export interface Audit {
  readonly leaf: number;
  readonly pop: number;
}

/** Share of all bursts that audits may take. */
const AUDIT_SHARE = 0.03;
/** Each POP's times are held against those of so many others, in turn. */
const PARTNERS = 6;
/** Pairs that are looked at for each audit wanted, as many have no network next door. */
const LOOKS = 8;

/**
 * Bursts that show whether the agents' times can be true (trust.ts): each POP in turn to networks next door
 * to others, which steering itself would seldom want. Networks with bursts on their way are left alone.
 */
export function planAudits(planner: Planner, burstsMax: number): Audit[] {
  const { popCount } = planner;
  const found: Audit[] = [];
  const wanted = Math.ceil(AUDIT_SHARE * burstsMax);
  for (let look = 0; look < LOOKS * wanted && found.length < wanted; look++) {
    const turn = planner.auditTurn++;
    const pop = turn % popCount;
    const round = Math.floor(turn / popCount);
    const partner = planner.partners[pop * PARTNERS + (round % PARTNERS)] as number;
    const leaf = witnessOf(planner, { pop, partner, nth: Math.floor(round / PARTNERS) });
    if (leaf >= 0) found.push({ leaf, pop });
  }
  return found;
}

/** By POP, the `PARTNERS` closest of those that are apart: -1 where there are fewer. */
export function partnersOf(between: Float32Array, popCount: number): Int16Array {
  const partners = new Int16Array(popCount * PARTNERS).fill(-1);
  for (let pop = 0; pop < popCount; pop++) {
    const light = between.subarray(pop * popCount, (pop + 1) * popCount);
    const apart = [...light.keys()].filter((other) => (light[other] as number) >= APART_MS);
    apart.sort((one, other) => (light[one] as number) - (light[other] as number));
    partners.set(apart.slice(0, PARTNERS), pop * PARTNERS);
  }
  return partners;
}

/** A network next door to the partner, close enough to tell something of the POP; -1: there is none. */
function witnessOf(planner: Planner, of: { pop: number; partner: number; nth: number }): number {
  const { cells, estimates, trust, between, down } = planner.source;
  const { pop, partner, nth } = of;
  if (partner < 0 || down[pop] === 1) return -1;
  const leaf = trust.witnesses[partner * WITNESSES + (nth % WITNESSES)] as number;
  const index = leaf - cells.firstLeaf;
  if (index < 0 || cells.leafActive[index] === 0 || planner.awaited[index] !== 0) return -1;
  const entry = findEstimate(estimates, leaf, partner);
  if (entry < 0) return -1;
  const lightMs = between[pop * planner.popCount + partner] as number;
  return levelMs(estimates, entry) <= lightMs ? leaf : -1;
}
