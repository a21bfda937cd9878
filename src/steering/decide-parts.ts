import type { DecidePass, Deciding } from './decide.ts';
import { hasRoom } from './load.ts';
import type { Market } from './market.ts';
import { movePart, moveUnit, partsOf, setParts, shareOf } from './unit-moves.ts';
import { CANDIDATES, CODES_PER_MS, candidateOf, NONE, type Part } from './units.ts';

/** Ticks without a price after which a split unit is whole again. */
const MERGE_TICKS = 10;
/** It must then fit into so much of its POP's room. */
const MERGE_ROOM = 0.97;

/** A part's best two POPs, where its own leads by what holds it there. */
export interface PartScan {
  pop: number;
  ms: number;
  nextPop: number;
  nextMs: number;
}

const scanned: PartScan = { pop: NONE, ms: Infinity, nextPop: NONE, nextMs: Infinity };

/**
 * Scores the candidates of a part of a split unit. Its own POP leads by the floor of hysteresis and by the
 * deviation of what was measured, or by the former alone where its price rose. Valid until the next call.
 */
export function scanPart(market: Market, unit: number, part: Part): PartScan {
  const { units, params } = market;
  const extra = market.extraMs[Math.floor(unit / units.cellStride)] as Float64Array;
  scanned.pop = NONE;
  scanned.ms = Infinity;
  scanned.nextPop = NONE;
  scanned.nextMs = Infinity;
  for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    let ms = (units.costMs[at] as number) + (extra[pop] as number);
    if (ms === Infinity) continue;
    if (pop === part.pop) {
      const spread = (params.hysteresisDeviations * (units.deviationCode[at] as number)) / CODES_PER_MS;
      ms -= market.rising[pop] === 1 ? params.hysteresisFloorMs : Math.max(params.hysteresisFloorMs, spread);
    }
    if (ms < scanned.ms) {
      scanned.nextPop = scanned.pop;
      scanned.nextMs = scanned.ms;
      scanned.pop = pop;
      scanned.ms = ms;
    } else if (ms < scanned.nextMs) {
      scanned.nextPop = pop;
      scanned.nextMs = ms;
    }
  }
  return scanned;
}

/**
 * Decides a split unit, part by part: a part goes where it is better off, if there is room or its own POP
 * is out; `roomRps`, by POP, is kept up to date. When none of its POPs has had a price for `MERGE_TICKS`
 * the unit is whole again: at the POP that has most of it, unless another of them is better by
 * `hysteresisMs`.
 */
export function decideParts(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number; roomRps: Float64Array },
  pass: DecidePass,
): void {
  const { units, market, terms, demandRps } = deciding;
  const { unit, nowMs, roomRps } = which;
  const lead = units.lead[unit] as number;
  for (const part of partsOf(units, unit)) {
    const { pop } = scanPart(market, unit, part);
    if (pop === NONE || pop === part.pop) continue;
    const isOut = deciding.groupOut[which.group]?.[part.pop] === 1;
    const rps = part.share * (demandRps[unit] as number);
    if (!isOut && !hasRoom(market, pop, { rps, roomRps })) continue;
    roomRps[part.pop] = (roomRps[part.pop] as number) + rps;
    roomRps[pop] = (roomRps[pop] as number) - rps;
    const moved = movePart(deciding, unit, { from: part.pop, to: pop, share: part.share, nowMs });
    if (moved) pass.moves[isOut ? 'out' : 'share']++;
  }
  const parts = partsOf(units, unit);
  if (parts.length < 2) return;
  const isPriced = parts.some(({ pop }) => (terms.priceMs[pop] as number) > 0);
  units.lead[unit] = isPriced ? 0 : lead + 1;
  if (!isPriced && lead + 1 >= MERGE_TICKS) mergeUnit(deciding, which, pass);
}

function mergeUnit(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  pass: DecidePass,
): void {
  const { units, params, market } = deciding;
  const { unit, group, nowMs } = which;
  const extra = market.extraMs[group] as Float64Array;
  const scoreMs = (pop: number): number => {
    const at = candidateOf(units, unit, pop);
    return at === NONE ? Infinity : (units.costMs[at] as number) + (extra[pop] as number);
  };
  const [first, ...others] = partsOf(units, unit).map(({ pop }) => ({ pop, ms: scoreMs(pop) }));
  if (first === undefined) return;
  const best = others.reduce((one, other) => (other.ms < one.ms ? other : one), first);
  const pop = best.ms < first.ms - params.hysteresisMs ? best.pop : first.pop;
  const comesRps = (deciding.demandRps[unit] as number) * (1 - shareOf(units, unit, pop));
  const roomRps = MERGE_ROOM * (market.softRps[pop] as number) - (market.wantedRps[pop] as number);
  if (comesRps > roomRps) return;
  if (pop !== first.pop) moveUnit(deciding, unit, { pop, event: false, nowMs });
  else setParts(deciding, unit, { parts: [{ pop, share: 1 }], nowMs });
  pass.moves.share++;
}
