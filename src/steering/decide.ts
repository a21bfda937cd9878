import { type Cells, placeOf } from './cells.ts';
import { decideHeavy, startHeavy } from './decide-heavy.ts';
import type { Estimates } from './estimate.ts';
import type { SteeringParams } from './params.ts';
import { type Move, moveOf } from './rows.ts';
import { type CellView, viewCell } from './rtt.ts';
import type { PopTerms } from './score.ts';
import { TTL_REASONS, ttlOf } from './ttl.ts';
import { moveUnit } from './unit-moves.ts';
import {
  CANDIDATES,
  candidateOf,
  candidateScore,
  NONE,
  pickCandidates,
  type ServiceGroup,
  type Units,
} from './units.ts';
import { writeRow } from './write-row.ts';

/** Everything that deciding one unit reads and writes. */
export interface Deciding {
  readonly params: SteeringParams;
  readonly cells: Cells;
  readonly estimates: Estimates;
  readonly distances: Float32Array;
  readonly units: Units;
  readonly groups: readonly ServiceGroup[];
  readonly terms: PopTerms;
  /** By group, by POP: 1 where the POP must not be answered; all 0 where the group fails open. */
  readonly groupOut: readonly Uint8Array[];
  readonly failOpen: boolean[];
  /** By POP: when its RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** By POP: the links that share its clients. */
  readonly linkChoices: (readonly number[])[];
  /** By unit: requests/s. */
  readonly demandRps: Float32Array;
  /** By POP: requests/s that fit in beyond what its rows bring now; negative when it has too many. */
  readonly roomRps: Float64Array;
  /** Room to work in. */
  readonly view: CellView;
}

/** What a pass over all units did. */
export interface DecidePass {
  /** Units that were given another POP, or other shares of two, by why. */
  readonly moves: Record<Exclude<Move, 'stay'> | 'share', number>;
  /** Rows whose candidates or TTL changed. */
  changedRows: number;
  /** Units whose whole fleet had to be looked at. */
  wideUnits: number;
}

/** After an alarm of its POP a unit may leave at once for this long, ms. */
const ALARM_HOLD_MS = 3000;
const LEAD_MAX = 30;
/** What a row can say; 18 hours. */
const TTL_MAX_SECONDS = 0xffff;

/** A pass that did nothing yet. */
export function emptyPass(): DecidePass {
  return {
    moves: { out: 0, overflow: 0, alarm: 0, home: 0, gain: 0, share: 0 },
    changedRows: 0,
    wideUnits: 0,
  };
}

/** Looks a cell's estimates up anew and picks its candidates, for every group. */
export function refreshCell(deciding: Deciding, cell: number, nowMs: number): void {
  const { units, groups, view } = deciding;
  viewCell(viewSource(deciding), whichCell(deciding, cell, nowMs), view);
  for (const [group, definition] of groups.entries())
    pickCandidates(units, group * units.cellStride + cell, definition, view);
}

/** Least that a POP of the group that may be answered adds to RTT + bias, ms: below 0 when one got faster. */
export function leastExtraMs(deciding: Deciding, group: number): number {
  const { terms, groups, groupOut } = deciding;
  const { serves } = groups[group] as ServiceGroup;
  let least = Infinity;
  for (let pop = 0; pop < serves.length; pop++) {
    if (serves[pop] === 0 || groupOut[group]?.[pop] === 1) continue;
    const extra =
      (terms.shiftMs[pop] as number) +
      (terms.lossMs[pop] as number) +
      (terms.congestionMs[pop] as number) +
      (terms.priceMs[pop] as number);
    if (extra < least) least = extra;
  }
  return least;
}

/** A unit's best candidate, its best but one and its incumbent, of those that may be answered. */
export interface Scan {
  best: number;
  bestMs: number;
  second: number;
  secondMs: number;
  incumbent: number;
  incumbentMs: number;
}

const scan: Scan = {
  best: NONE,
  bestMs: Infinity,
  second: NONE,
  secondMs: Infinity,
  incumbent: NONE,
  incumbentMs: Infinity,
};

/** Decides one unit: scores its candidates, moves it by the rule of moves, sets its TTL, writes its row. */
export function decideUnit(
  deciding: Deciding,
  which: { unit: number; cell: number; group: number; nowMs: number; leastExtraMs: number },
  pass: DecidePass,
): void {
  const { units } = deciding;
  const { unit, group } = which;
  scanUnit(deciding, unit, group);
  const isShort = (): boolean => scan.bestMs > (units.outsideMs[unit] as number) + which.leastExtraMs;
  if (units.wide[unit] === 1 || isShort()) widen(deciding, which, isShort, pass);
  if (scan.best === NONE) return;
  const before = units.incumbent[unit] as number;
  if (before !== NONE && decideHeavy(deciding, which, scan, pass)) scanUnit(deciding, unit, group);
  else decideWhole(deciding, which, pass);
  const pop = units.incumbent[unit] as number;
  const isBest = pop === units.pop[scan.best];
  const ownMs = isBest ? scan.bestMs : scan.incumbentMs;
  const rivalMs = isBest ? scan.secondMs : scan.bestMs;
  setTtl(deciding, which, { pop, marginMs: rivalMs - ownMs }, pass);
  if (units.stale[unit] === 1) writeRow(deciding, which, pass);
}

/** The rule of moves. */
function decideWhole(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  pass: DecidePass,
): void {
  const { units } = deciding;
  const { unit } = which;
  const bestPop = units.pop[scan.best] as number;
  const before = units.incumbent[unit] as number;
  if (before === NONE) {
    units.incumbent[unit] = bestPop;
    units.stale[unit] = 1;
    startHeavy(deciding, which, scan);
  } else if (bestPop === before) {
    units.lead[unit] = 0;
    units.challenger[unit] = NONE;
  } else weigh(deciding, which, { bestPop, before }, pass);
}

function viewSource(deciding: Deciding) {
  const { params, estimates, distances, terms } = deciding;
  return { params, estimates, distances, priorBiasMs: terms.priorBiasMs };
}

function whichCell(deciding: Deciding, cell: number, nowMs: number) {
  const placeId = placeOf(deciding.cells, cell);
  return { placeId, placeCell: placeId, networkCell: cell === placeId ? NONE : cell, nowMs };
}

function scanUnit(deciding: Deciding, unit: number, group: number): void {
  const { units, groups, terms, groupOut } = deciding;
  const { biasMs } = groups[group] as ServiceGroup;
  const out = groupOut[group] as Uint8Array;
  const incumbent = units.incumbent[unit] as number;
  scan.best = NONE;
  scan.bestMs = Infinity;
  scan.second = NONE;
  scan.secondMs = Infinity;
  scan.incumbent = NONE;
  scan.incumbentMs = Infinity;
  const first = unit * CANDIDATES;
  for (let at = first; at < first + CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (out[pop] === 1) continue;
    const score = candidateScore(units, at, terms, biasMs);
    if (pop === incumbent) {
      scan.incumbent = at;
      scan.incumbentMs = score;
    }
    if (score < scan.bestMs) {
      scan.second = scan.best;
      scan.secondMs = scan.bestMs;
      scan.best = at;
      scan.bestMs = score;
    } else if (score < scan.secondMs) {
      scan.second = at;
      scan.secondMs = score;
    }
  }
}

/** Picks the candidates from the whole fleet by score; back by nearness once those nearest suffice again. */
function widen(
  deciding: Deciding,
  which: { unit: number; cell: number; group: number; nowMs: number },
  isShort: () => boolean,
  pass: DecidePass,
): void {
  const { units, groups, terms, groupOut, view } = deciding;
  const { unit, cell, group, nowMs } = which;
  const definition = groups[group] as ServiceGroup;
  viewCell(viewSource(deciding), whichCell(deciding, cell, nowMs), view);
  pickCandidates(units, unit, definition, view, { terms, out: groupOut[group] as Uint8Array });
  scanUnit(deciding, unit, group);
  pass.wideUnits++;
  if (isShort()) return;
  pickCandidates(units, unit, definition, view);
  scanUnit(deciding, unit, group);
}

/** Holds the best rival against the incumbent. */
function weigh(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  pops: { bestPop: number; before: number },
  pass: DecidePass,
): void {
  const { params, units, terms, alarmedAtMs, groups } = deciding;
  const { unit, nowMs } = which;
  const { bestPop, before } = pops;
  const isOut = scan.incumbent === NONE;
  const lead = units.challenger[unit] === bestPop ? (units.lead[unit] as number) : 0;
  const move = moveOf(
    {
      incumbentOut: isOut,
      incumbentMs: scan.incumbentMs,
      gainMs: scan.incumbentMs - scan.bestMs,
      deviationMs: isOut
        ? 0
        : Math.hypot(units.deviationMs[scan.incumbent] as number, units.deviationMs[scan.best] as number),
      lead,
      incumbentPriced: (terms.priceMs[before] as number) > 0,
      rivalPriced: (terms.priceMs[bestPop] as number) > 0,
      incumbentAlarmed: nowMs - (alarmedAtMs[before] as number) <= ALARM_HOLD_MS,
      rivalIsHome: units.home[unit] === bestPop,
    },
    params,
  );
  if (move === 'stay') {
    units.challenger[unit] = bestPop;
    units.lead[unit] = Math.min(LEAD_MAX, lead + 1);
    return;
  }
  const { biasMs } = groups[which.group] as ServiceGroup;
  const plain = (at: number): number =>
    (units.rttMs[at] as number) + (biasMs[units.pop[at] as number] as number);
  const home = candidateOf(units, unit, units.home[unit] as number);
  const longsForHome = home !== NONE && plain(home) <= plain(scan.best);
  const isEvent = isOut || longsForHome || plain(scan.incumbent) <= plain(scan.best);
  moveUnit(units, unit, { pop: bestPop, event: isEvent, nowMs });
  pass.moves[move]++;
}

function setTtl(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  answer: { pop: number; marginMs: number },
  pass: DecidePass,
): void {
  const { params, units, alarmedAtMs, failOpen } = deciding;
  const { unit, group, nowMs } = which;
  const { seconds, reason } = ttlOf(
    {
      marginMs: answer.marginMs,
      sinceMoveMs: units.movedAtMs[unit] === 0 ? Infinity : nowMs - (units.movedAtMs[unit] as number),
      alarmed: nowMs - (alarmedAtMs[answer.pop] as number) <= params.ttlRecentMs,
      failOpen: failOpen[group] === true,
    },
    params,
  );
  const code = TTL_REASONS.indexOf(reason);
  const { ttlSeconds, ttlReason } = units.rows;
  const ttl = Math.min(TTL_MAX_SECONDS, seconds);
  if (ttlSeconds[unit] === ttl && ttlReason[unit] === code) return;
  ttlSeconds[unit] = ttl;
  ttlReason[unit] = code;
  pass.changedRows++;
}
