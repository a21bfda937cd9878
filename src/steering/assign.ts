import { observeCalm } from './calm.ts';
import { clearPrices } from './clearing.ts';
import { type DecidePass, type Deciding, decideUnits, emptyPass, viewOf } from './decide.ts';
import { fillRoom } from './fill.ts';
import { finishUnits } from './finish.ts';
import { LINKS_CHANGED, type Noticed, takeTerms, wakeCandidates } from './market.ts';
import { noteNearest } from './nearest.ts';
import { repairOverload } from './repair.ts';
import { pickCandidates, type ServiceGroup } from './units.ts';

/** Units whose whole fleet is looked at in a tick, at most, because their candidates are out or too dear. */
const WIDE_MAX = 6000;

/** What a tick's assignment is made from. */
export interface Assigning {
  readonly activeCells: Int32Array;
  readonly nowMs: number;
  /** By POP: 1 where the links that share its clients changed. */
  readonly relinked: Uint8Array;
  /** Nothing moves for its gain alone. */
  readonly holdsGains?: boolean | undefined;
}

/** What an assignment did, and the load by POP after it, requests/s. */
export interface Assigned extends DecidePass {
  readonly sweeps: number;
  readonly loadRps: Float64Array;
}

/**
 * Assigns the units to POPs: prices from what is wanted, then the rule of moves, then the repair of what is
 * over, parts of large units for room that is left, TTLs and rows. Reads terms, demand and room.
 */
export function assignUnits(deciding: Deciding, tick: Assigning): Assigned {
  const { market } = deciding;
  const { activeCells, nowMs } = tick;
  const pass = emptyPass();
  market.activeCells = activeCells;
  observeCalm(market.calm, market);
  const noticed = notice(deciding, tick);
  const isAny = noticed.pops.some((change) => change > 0);
  if (noticed.returned) wakeCandidates(market, noticed.pops);
  const sweeps = clear(deciding, nowMs, pass);
  if (isAny && !noticed.returned) wakeCandidates(market, noticed.pops);
  decideUnits(deciding, tick, pass);
  const { moves, loadRps } = repairOverload(deciding, activeCells, nowMs);
  pass.moves.overflow += moves;
  pass.moves.share += fillRoom(deciding, activeCells, { loadRps, nowMs });
  finishUnits(deciding, activeCells, nowMs, pass);
  return { ...pass, sweeps, loadRps };
}

/** What changed of the POPs: terms, links, and whether they alarmed lately. */
function notice(deciding: Deciding, tick: Assigning): Noticed {
  const { market, alarmedAtMs, params } = deciding;
  const { nowMs, relinked } = tick;
  const noticed = takeTerms(market);
  for (let pop = 0; pop < relinked.length; pop++) {
    const alarmed = nowMs - (alarmedAtMs[pop] as number) <= params.ttlRecentMs ? 1 : 0;
    if (alarmed !== market.alarmed[pop]) noticed.pops[pop] = 1;
    if (relinked[pop] === 1) noticed.pops[pop] = LINKS_CHANGED;
    market.alarmed[pop] = alarmed;
  }
  return noticed;
}

/**
 * Sets the prices; units whose candidates turn out to be out or too dear pick among the whole fleet. A POP
 * whose price rose on the way, but in the end did not, has not too many.
 */
function clear(deciding: Deciding, nowMs: number, pass: DecidePass): number {
  const { market, terms } = deciding;
  const { rising } = market;
  const beforeMs = Float64Array.from(terms.priceMs);
  rising.fill(0);
  const sweeps = clearPrices(market, {
    units: new Int32Array(WIDE_MAX),
    count: 0,
    widen: (unit) => {
      if (pass.wideUnits >= WIDE_MAX) return false;
      widen(deciding, { unit, nowMs }, pass);
      return true;
    },
  });
  for (let pop = 0; pop < rising.length; pop++)
    if ((terms.priceMs[pop] as number) <= (beforeMs[pop] as number)) rising[pop] = 0;
  return sweeps;
}

function widen(deciding: Deciding, which: { unit: number; nowMs: number }, pass: DecidePass): void {
  const { units, market, groups } = deciding;
  const { unit, nowMs } = which;
  const group = Math.floor(unit / units.cellStride);
  const view = viewOf(deciding, unit % units.cellStride, nowMs);
  const extra = market.extraMs[group] as Float64Array;
  pickCandidates(units, unit, groups[group] as ServiceGroup, view, extra);
  noteNearest(deciding, unit, extra);
  units.outsideMs[unit] = (units.outsideMs[unit] as number) + market.drift.fallMs;
  pass.wideUnits++;
}
