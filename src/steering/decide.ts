import { asnOf, type Cells, cellOf, placeOf } from './cells.ts';
import { chooseGains, type Gain } from './churn.ts';
import { decideParts } from './decide-parts.ts';
import type { Estimates } from './estimates.ts';
import { hasRoom, loadNow } from './load.ts';
import type { Market } from './market.ts';
import type { SteeringParams } from './params.ts';
import { type Move, moveOf } from './rows.ts';
import { type CellView, viewCell } from './rtt.ts';
import { scan, scanUnit } from './scan.ts';
import type { PopTerms } from './score.ts';
import { type Moving, movePart, moveUnit } from './unit-moves.ts';
import { CODES_PER_MS, candidateOf, deviationMs, NONE, pickCandidates, type ServiceGroup } from './units.ts';

/** Everything that deciding one unit reads and writes. */
export interface Deciding extends Moving {
  readonly params: SteeringParams;
  readonly cells: Cells;
  readonly estimates: Estimates;
  readonly distances: Float32Array;
  readonly groups: readonly ServiceGroup[];
  readonly terms: PopTerms;
  readonly market: Market;
  /** By group, by POP: 1 where the POP must not be answered; all 0 where the group fails open. */
  readonly groupOut: readonly Uint8Array[];
  readonly failOpen: boolean[];
  /** By POP: when its RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** By POP: when it was last answered again after it had been out, ms since 1970. */
  readonly returnedAtMs: Float64Array;
  /** By POP: the links that share its clients. */
  readonly linkChoices: (readonly number[])[];
  /** Whether a cell is a network that is explored for the first time. */
  readonly isYoung: (cell: number) => boolean;
  /**
   * By POP: load that the answers sent at the start of the tick, requests/s; what moved since is counted
   * apart.
   */
  readonly startRps: Float64Array;
  /** Room to work in. */
  readonly view: CellView;
}

/** What a pass over all units did. */
export interface DecidePass {
  /** Units that were given another POP, or other shares of several, by why. */
  readonly moves: Record<Exclude<Move, 'stay'> | 'share', number>;
  /** Rows whose candidates or TTL changed. */
  changedRows: number;
  /** Units whose whole fleet had to be looked at. */
  wideUnits: number;
  /** Demand that moved for its gain alone, and that waits for the next tick, requests/s. */
  churnRps: number;
  waitingRps: number;
}

/** After an alarm of its POP a unit may leave at once for this long, ms. */
const ALARM_HOLD_MS = 3000;
/** A price up to this keeps nobody away, ms. */
const TRIFLING_MS = 0.1;
/** A cell whose estimates are less uncertain than this knows its paths as calm, ms. */
const CALM_MS = 8;
/** A POP that is back takes clients that prefer it, home or not, for this long, ms. */
const RETURN_HOLD_MS = 10_000;
/** A rival's lead is counted up to this: then the threshold is at its floor, and the unit sleeps. */
export const LEAD_MAX = 30;

/** A pass that did nothing yet. */
export function emptyPass(): DecidePass {
  return {
    moves: { out: 0, overflow: 0, alarm: 0, home: 0, learned: 0, gain: 0, share: 0 },
    changedRows: 0,
    wideUnits: 0,
    churnRps: 0,
    waitingRps: 0,
  };
}

/** Looks a cell's estimates up anew and picks its candidates, for every group. */
export function refreshCell(deciding: Deciding, cell: number, nowMs: number): void {
  const { units, groups } = deciding;
  viewOf(deciding, cell, nowMs);
  for (const [group, definition] of groups.entries())
    pickCandidates(units, group * units.cellStride + cell, definition, deciding.view);
}

/** Fills the view of a cell, and returns it. */
export function viewOf(deciding: Deciding, cell: number, nowMs: number): CellView {
  const { params, estimates, distances, terms, cells, view } = deciding;
  const placeId = placeOf(cells, cell);
  const isLeaf = cell >= cells.firstLeaf;
  const network = isLeaf ? cellOf(cells, { network: NONE, placeId, asn: asnOf(cells, cell) }) : cell;
  viewCell(
    { params, estimates, distances, priorBiasMs: terms.priorBiasMs },
    {
      placeId,
      placeCell: placeId,
      networkCell: network === placeId ? NONE : network,
      leafCell: isLeaf ? cell : NONE,
      nowMs,
    },
    view,
  );
  return view;
}

/** What a pass works with. */
interface Pass {
  readonly nowMs: number;
  readonly pass: DecidePass;
  /** By POP: requests/s that still fit, given where units are now. */
  readonly roomRps: Float64Array;
  readonly gains: Gain[];
  /** Units that would leave a POP that is too dear, if there were room where they want to go. */
  readonly blocked: number[];
}

/** Units that were blocked are tried again so often, as others make room. */
const ROUNDS_MAX = 3;

/**
 * Decides the units that are awake, by the rule of moves; those that move for their gain alone as far as the
 * bound of churn allows, the most gain x demand first; or none of these.
 */
export function decideUnits(
  deciding: Deciding,
  tick: {
    readonly activeCells: Int32Array;
    readonly nowMs: number;
    readonly holdsGains?: boolean | undefined;
  },
  pass: DecidePass,
): void {
  const { units, market } = deciding;
  const { activeCells, nowMs, holdsGains = false } = tick;
  const running: Pass = { nowMs, pass, roomRps: roomLeft(deciding), gains: [], blocked: [] };
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const unit = group * units.cellStride + (activeCells[i] as number);
      if (units.awake[unit] === 0) continue;
      if (units.splits.size > 0 && units.splits.has(unit))
        decideParts(deciding, { unit, group, nowMs, roomRps: running.roomRps }, pass);
      else decideUnit(deciding, { unit, group }, running);
    }
  for (let round = 0; round < ROUNDS_MAX && running.blocked.length > 0; round++)
    for (const unit of running.blocked.splice(0))
      decideUnit(deciding, { unit, group: Math.floor(unit / units.cellStride) }, running);
  const totalRps = market.wantedRps.reduce((sum, rps) => sum + rps, 0);
  const budgetRps = deciding.params.churnShare * totalRps;
  if (holdsGains) running.gains.length = 0;
  const { chosen, chosenRps, waitingRps } = chooseGains(running.gains, budgetRps, running.roomRps);
  for (const { unit, pop, event, share } of chosen) {
    const from = units.incumbent[unit] as number;
    if (share === 1) moveUnit(deciding, unit, { pop, event, nowMs });
    else movePart(deciding, unit, { from, to: pop, share, nowMs });
  }
  pass.moves.gain += chosen.length;
  pass.churnRps = chosenRps;
  pass.waitingRps = waitingRps;
}

function roomLeft(deciding: Deciding): Float64Array {
  const { hardRps } = deciding.market;
  return loadNow(deciding).map((rps, pop) => (hardRps[pop] as number) - rps);
}

/** The rule of moves for a whole unit. */
function decideUnit(deciding: Deciding, which: { unit: number; group: number }, running: Pass): void {
  const { units, params } = deciding;
  const { unit, group } = which;
  const { best, incumbentMs, bestMs } = scanUnit(deciding, unit, group);
  if (best === NONE) return;
  const bestPop = units.pop[best] as number;
  const before = units.incumbent[unit] as number;
  if (before === NONE) moveUnit(deciding, unit, { pop: bestPop, event: false, nowMs: 0 });
  else if (incumbentMs - bestMs > params.hysteresisFloorMs)
    weigh(deciding, which, { bestPop, before }, running);
  else {
    units.lead[unit] = 0;
    units.challenger[unit] = NONE;
  }
}

/** Holds the best rival against the incumbent. */
function weigh(
  deciding: Deciding,
  which: { unit: number; group: number },
  pops: { bestPop: number; before: number },
  running: Pass,
): void {
  const { params, units, terms, alarmedAtMs, groups, market, demandRps } = deciding;
  const { roomRps, nowMs } = running;
  const { unit } = which;
  const { bestPop, before } = pops;
  const isOut = scan.incumbent === NONE;
  const lead = units.challenger[unit] === bestPop ? (units.lead[unit] as number) : 0;
  const gainMs = scan.incumbentMs - scan.bestMs;
  const isYoung = deciding.isYoung(unit % units.cellStride);
  const doubtMs = isOut ? 0 : deviationMs(units, scan.incumbent, scan.best);
  const move = moveOf(
    {
      incumbentOut: isOut,
      incumbentMs: scan.incumbentMs,
      gainMs,
      deviationMs: doubtMs,
      lead,
      incumbentPriced: market.rising[before] === 1,
      rivalPriced: (terms.priceMs[bestPop] as number) > TRIFLING_MS,
      incumbentAlarmed: nowMs - (alarmedAtMs[before] as number) <= ALARM_HOLD_MS,
      rivalIsHome: units.home[unit] === bestPop || isBack(deciding, bestPop, nowMs),
      isYoung,
    },
    params,
  );
  if (move === 'stay' || move === 'gain') {
    units.challenger[unit] = bestPop;
    units.lead[unit] = Math.min(LEAD_MAX, lead + 1);
  }
  if (move === 'stay') return;
  const { biasMs } = groups[which.group] as ServiceGroup;
  const plain = (at: number): number =>
    (units.costMs[at] as number) -
    (units.lossCode[at] as number) / CODES_PER_MS +
    (biasMs[units.pop[at] as number] as number);
  const home = candidateOf(units, unit, units.home[unit] as number);
  const longsForHome = home !== NONE && plain(home) <= plain(scan.best);
  // What a network learns at first is no event, nor that a path jumps which does so all the time.
  const isJump = move === 'alarm' && !isYoung && doubtMs < CALM_MS;
  const event = isOut || isJump || longsForHome || plain(scan.incumbent) <= plain(scan.best);
  const rps = demandRps[unit] as number;
  if (move === 'gain') {
    running.gains.push({ unit, pop: bestPop, event, gainMs, rps });
    return;
  }
  if (move === 'overflow' && !hasRoom(market, bestPop, { rps, roomRps })) {
    running.blocked.push(unit);
    return;
  }
  roomRps[before] = (roomRps[before] as number) + rps;
  roomRps[bestPop] = (roomRps[bestPop] as number) - rps;
  moveUnit(deciding, unit, { pop: bestPop, event, nowMs });
  running.pass.moves[move]++;
}

/** Whether a POP was out and has just come back. */
function isBack({ returnedAtMs }: Deciding, pop: number, nowMs: number): boolean {
  return nowMs - (returnedAtMs[pop] as number) <= RETURN_HOLD_MS;
}
