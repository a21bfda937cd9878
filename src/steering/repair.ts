import { type Deciding, viewOf } from './decide.ts';
import { loadNow } from './load.ts';
import { isOver, scoreUnit } from './market.ts';
import { noteNearest } from './nearest.ts';
import { bucketOf } from './price.ts';
import { movePart, moveUnit, partsOf, shareOf } from './unit-moves.ts';
import {
  CANDIDATES,
  candidateOf,
  NONE,
  type Part,
  pickCandidates,
  type ServiceGroup,
  SPLIT,
} from './units.ts';

/** What leaves beyond what must, as a share of the capacity: so that little more demand moves nobody. */
const SPARE_SHARE = 0.003;
/** A unit with less than this share of a POP's capacity is moved whole. */
const WHOLE_SHARE = 0.002;
/** Units looked at beyond those that must move: what loses least may not fit anywhere. */
const CHOICE = 1.5;
/** Losses up to which units are looked at, one after the other until these are enough, ms. */
const LOSSES_MS = [0.5, 2, 8, 32, Infinity];
/** Units whose whole fleet is looked at in a tick, at most, because all their candidates are full. */
const WIDE_MAX = 5000;

/** A unit's part at a POP that is filled beyond what it may be. */
interface Movable {
  readonly unit: number;
  readonly pop: number;
  /** What it loses by going to its best POP with room, ms; Infinity where none of its candidates has any. */
  readonly lossMs: number;
}

/** What the repair works with. */
interface Repair {
  readonly deciding: Deciding;
  readonly activeCells: Int32Array;
  readonly nowMs: number;
  readonly loadRps: Float64Array;
  moves: number;
}

/**
 * Repairs what whole units, hysteresis and late moves left over: takes from each POP that is filled beyond
 * what it may be the units that lose least by going to their best POP with room, of large ones as much as
 * must go; where all candidates of a unit are full, among the whole fleet. Returns the number of moves, and
 * the load by POP after them.
 */
export function repairOverload(
  deciding: Deciding,
  activeCells: Int32Array,
  nowMs: number,
): { readonly moves: number; readonly loadRps: Float64Array } {
  const { market } = deciding;
  const repair: Repair = { deciding, activeCells, nowMs, loadRps: loadNow(deciding), moves: 0 };
  const { loadRps } = repair;
  const anyOver = (): boolean => loadRps.some((rps, pop) => isOver(market, pop, rps));
  if (!anyOver()) return repair;
  for (const movable of movables(repair)) relieve(repair, movable);
  if (!anyOver()) return repair;
  let wide = 0;
  for (const { unit, pop } of movables(repair)) {
    if (!isOver(market, pop, loadRps[pop] as number)) continue;
    if (wide++ >= WIDE_MAX) break;
    widen(repair, unit);
    relieve(repair, { unit, pop });
  }
  return repair;
}

/**
 * Parts at POPs that are over, that which loses least first: of a POP those that lose little if they are
 * enough, else those that lose more too.
 */
function movables(repair: Repair): Movable[] {
  const { deciding, loadRps } = repair;
  const { market } = deciding;
  const over = Uint8Array.from(loadRps, (rps, pop) => (isOver(market, pop, rps) ? 1 : 0));
  const enoughRps = loadRps.map((rps, pop) =>
    over[pop] === 1 ? CHOICE * (rps - (market.hardRps[pop] as number)) : 0,
  );
  const all: Movable[] = [];
  for (const mostMs of LOSSES_MS) {
    const found: Movable[] = [];
    const foundRps = collect(repair, { over, mostMs }, found);
    const isEnough = (pop: number): boolean =>
      mostMs === Infinity || (foundRps[pop] as number) >= (enoughRps[pop] as number);
    for (const movable of found) if (isEnough(movable.pop)) all.push(movable);
    for (let pop = 0; pop < over.length; pop++) if (isEnough(pop)) over[pop] = 0;
    if (!over.includes(1)) break;
  }
  return byLoss(all);
}

/** In order of their loss, to a sixteenth of it: as many as there may be, sorting them would take longer. */
function byLoss(found: readonly Movable[]): Movable[] {
  const buckets: Movable[][] = [];
  for (const movable of found) {
    const bucket = bucketOf(Math.max(0, movable.lossMs));
    const list = buckets[bucket];
    if (list === undefined) buckets[bucket] = [movable];
    else list.push(movable);
  }
  return buckets.flat();
}

/** Finds the parts at these POPs that lose no more than `mostMs`; their demand by POP, requests/s. */
function collect(repair: Repair, from: { over: Uint8Array; mostMs: number }, found: Movable[]): Float64Array {
  const { deciding, activeCells } = repair;
  const { units, demandRps, market } = deciding;
  const { incumbent, bestPop, slackMs } = units;
  const { over, mostMs } = from;
  const foundRps = new Float64Array(over.length);
  // What a unit that stays where it wants to be loses is known from below: most are not looked at.
  const leadMs = market.params.hysteresisFloorMs + market.drift.fallMs;
  const check = (unit: number, { pop, share }: Part): void => {
    const lossMs = lossOf(repair, unit, pop);
    if (lossMs > mostMs) return;
    found.push({ unit, pop, lossMs });
    foundRps[pop] = (foundRps[pop] as number) + (demandRps[unit] as number) * share;
  };
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      const pop = incumbent[unit] as number;
      if (pop === NONE || (demandRps[unit] as number) === 0) continue;
      if (bestPop[unit] === SPLIT) {
        for (const part of partsOf(units, unit)) if (over[part.pop] === 1) check(unit, part);
        continue;
      }
      if (over[pop] === 0) continue;
      if (bestPop[unit] === pop) {
        const farMs = mostMs + leadMs + (market.riseMs[pop] as number);
        if ((slackMs[unit] as number) > farMs) continue;
        scoreUnit(market, group, unit);
        if ((slackMs[unit] as number) > farMs) continue;
      }
      check(unit, { pop, share: 1 });
    }
  return foundRps;
}

/** What a part at `pop` loses by going to its best POP with room, ms. */
function lossOf(repair: Repair, unit: number, pop: number): number {
  const own = candidateOf(repair.deciding.units, unit, pop);
  const at = bestWithRoom(repair, unit, { except: pop, leastRps: 0 });
  return at === NONE ? Infinity : scoreAt(repair, unit, at) - (own === NONE ? 0 : scoreAt(repair, unit, own));
}

function scoreAt(repair: Repair, unit: number, at: number): number {
  const { units, market } = repair.deciding;
  const extra = market.extraMs[Math.floor(unit / units.cellStride)] as Float64Array;
  return (units.costMs[at] as number) + (extra[units.pop[at] as number] as number);
}

/** Requests/s that still fit into a POP. */
function roomAt(repair: Repair, pop: number): number {
  return (repair.deciding.market.hardRps[pop] as number) - (repair.loadRps[pop] as number);
}

/** Position of the unit's best candidate with more room than `leastRps`; -1 if there is none. */
function bestWithRoom(repair: Repair, unit: number, which: { except: number; leastRps: number }): number {
  const { units } = repair.deciding;
  let best = NONE;
  let bestMs = Infinity;
  for (let at = unit * CANDIDATES; at < (unit + 1) * CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (pop === which.except || roomAt(repair, pop) <= which.leastRps) continue;
    const ms = scoreAt(repair, unit, at);
    if (ms >= bestMs) continue;
    best = at;
    bestMs = ms;
  }
  return best;
}

/** Moves of a unit at a POP as much as must go, to one POP after the other. */
function relieve(repair: Repair, movable: { unit: number; pop: number }): void {
  const { deciding, loadRps } = repair;
  const { market, demandRps } = deciding;
  const { unit, pop } = movable;
  const demand = demandRps[unit] as number;
  const capacityRps = market.capacityRps[pop] as number;
  for (let step = 0; step < CANDIDATES && isOver(market, pop, loadRps[pop] as number); step++) {
    const hereRps = demand * shareOf(deciding.units, unit, pop);
    if (hereRps <= 0) return;
    const mustRps = -roomAt(repair, pop) + SPARE_SHARE * capacityRps;
    const isWhole = hereRps <= Math.max(mustRps, WHOLE_SHARE * capacityRps);
    const wantedRps = isWhole ? hereRps : mustRps;
    let at = bestWithRoom(repair, unit, { except: pop, leastRps: wantedRps });
    if (at === NONE) at = bestWithRoom(repair, unit, { except: pop, leastRps: WHOLE_SHARE * hereRps });
    if (at === NONE) return;
    const target = deciding.units.pop[at] as number;
    const goesRps = Math.min(wantedRps, roomAt(repair, target));
    if (!give(repair, unit, { from: pop, to: target, goesRps, hereRps })) return;
  }
}

function give(
  repair: Repair,
  unit: number,
  what: { from: number; to: number; goesRps: number; hereRps: number },
): boolean {
  const { deciding, loadRps, nowMs } = repair;
  const { from, to, goesRps, hereRps } = what;
  const here = shareOf(deciding.units, unit, from);
  const share = goesRps >= hereRps ? here : (here * goesRps) / hereRps;
  if (share >= 1) moveUnit(deciding, unit, { pop: to, event: true, nowMs });
  else if (!movePart(deciding, unit, { from, to, share, nowMs })) return false;
  loadRps[from] = (loadRps[from] as number) - goesRps;
  loadRps[to] = (loadRps[to] as number) + goesRps;
  repair.moves++;
  return true;
}

/** Picks the unit's candidates among all POPs with room. */
function widen(repair: Repair, unit: number): void {
  const { deciding, nowMs } = repair;
  const { units, market, groups } = deciding;
  const group = Math.floor(unit / units.cellStride);
  const extra = market.extraMs[group] as Float64Array;
  const withRoom = extra.map((ms, pop) => (roomAt(repair, pop) > 0 ? ms : Infinity));
  const view = viewOf(deciding, unit % units.cellStride, nowMs);
  pickCandidates(units, unit, groups[group] as ServiceGroup, view, withRoom);
  noteNearest(deciding, unit, extra);
  units.outsideMs[unit] = -Infinity;
}
