import { mix32 } from '../base/random.ts';
import { asnOf, placeOf } from './cells.ts';
import type { DecidePass, Deciding } from './decide.ts';
import { ROW_CANDIDATES, ROW_SHARES, SHARE_WHOLE } from './image.ts';
import { partsOf, shareOf } from './unit-moves.ts';
import { CANDIDATES, NONE, type Units } from './units.ts';

type RowTable = Units['rows'];

const order = new Int32Array(CANDIDATES);
const orderMs = new Float64Array(CANDIDATES);
/** The row being made: links, and bounds of shares (image.ts). */
const links = new Int16Array(ROW_CANDIDATES);
const bounds = new Uint16Array(ROW_SHARES);
let length = 0;
/** Links of the POPs in `order`. */
const orderLinks = new Int16Array(CANDIDATES);

/**
 * POPs after the first stand in for it until the next tick alone, so they keep their places until another is
 * better by so much: ms, and a share of its score. Else noise would make most rows new at every tick.
 */
const PLACE_SLACK_MS = 1;
const PLACE_SLACK_SHARE = 0.1;

/**
 * Writes the row: the incumbent first, then the other POPs of a split unit, then the others by score, or as
 * before where that still does. Each by one of the links that share its clients; a heavy unit's clients are
 * spread over several, as it would fill one.
 */
export function writeRow(
  deciding: Deciding,
  which: { unit: number; cell: number; group: number },
  pass: DecidePass,
): void {
  const { units, cells, linkChoices } = deciding;
  const { unit, cell } = which;
  const count = orderPops(deciding, which);
  const spread = mix32(Math.imul(asnOf(cells, cell), 0x9e3779b1) ^ placeOf(cells, cell));
  links.fill(NONE);
  bounds.fill(0);
  length = 0;
  const parts = Math.min(count, partsOf(units, unit).length);
  if (parts > 0 && (units.heavy[unit] === 1 || parts > 1)) startParts(deciding, unit, { parts, spread });
  const head = Math.max(1, length);
  const rest = length === 0 ? 1 : parts;
  for (let k = length === 0 ? 0 : parts; k < count; k++) {
    const choices = linkChoices[order[k] as number] as readonly number[];
    orderLinks[k] = choices[spread % choices.length] as number;
    if (length < ROW_CANDIDATES) links[length++] = orderLinks[k] as number;
  }
  units.stale[unit] = 0;
  const isAsBefore =
    isHeadAsBefore(units.rows, unit, head) && stillDoes(units.rows, unit, { head, rest, count });
  if (!isAsBefore && putRow(units.rows, unit)) pass.changedRows++;
}

/** Whether the row begins as it did, with the same shares and as many links in all. */
function isHeadAsBefore({ candidates, shares }: RowTable, unit: number, head: number): boolean {
  const first = unit * ROW_CANDIDATES;
  for (let k = 0; k < head; k++) if (candidates[first + k] !== links[k]) return false;
  for (let k = 0; k < ROW_CANDIDATES; k++)
    if ((links[k] === NONE) !== (candidates[first + k] === NONE)) return false;
  for (let k = 0; k < ROW_SHARES; k++) if (shares[unit * ROW_SHARES + k] !== bounds[k]) return false;
  return true;
}

/**
 * Whether the links after the head, as they are, come in the order of their POPs' scores, and before all
 * others, but for the slack. These POPs are those in `order` from `rest` to `count`.
 */
function stillDoes(
  { candidates }: RowTable,
  unit: number,
  { head, rest, count }: { readonly head: number; readonly rest: number; readonly count: number },
): boolean {
  const first = unit * ROW_CANDIDATES;
  let worstMs = -Infinity;
  let found = 0;
  for (let k = head; k < length; k++) {
    const at = orderLinks.indexOf(candidates[first + k] as number, rest);
    if (at < 0 || at >= count) return false;
    found |= 1 << at;
    const ms = orderMs[at] as number;
    if (isClearlyBelow(ms, worstMs)) return false;
    if (ms > worstMs) worstMs = ms;
  }
  for (let k = rest; k < count; k++)
    if (((found >>> k) & 1) === 0) return !isClearlyBelow(orderMs[k] as number, worstMs);
  return true;
}

function isClearlyBelow(ms: number, otherMs: number): boolean {
  return ms + PLACE_SLACK_MS + PLACE_SLACK_SHARE * Math.abs(ms) < otherMs;
}

/** Fills `order` with the POPs that may be answered; how many there are. */
function orderPops(deciding: Deciding, which: { unit: number; group: number }): number {
  const { units, market } = deciding;
  const { unit, group } = which;
  const extra = market.extraMs[group] as Float64Array;
  const incumbent = units.incumbent[unit] as number;
  const isSplit = units.splits.has(unit);
  let count = 0;
  const first = unit * CANDIDATES;
  for (let at = first; at < first + CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (extra[pop] === Infinity) continue;
    const share = isSplit ? shareOf(units, unit, pop) : pop === incumbent ? 1 : 0;
    // Shares first, the largest of them at the head.
    const ms = share > 0 ? -SHARE_FIRST_MS * share : (units.costMs[at] as number) + (extra[pop] as number);
    let k = count++;
    while (k > 0 && (orderMs[k - 1] as number) > ms) {
      orderMs[k] = orderMs[k - 1] as number;
      order[k] = order[k - 1] as number;
      k--;
    }
    orderMs[k] = ms;
    order[k] = pop;
  }
  return count;
}

/** Below any score. */
const SHARE_FIRST_MS = 1e9;

/** Begins the row with the links that its clients start from, each with its share. */
function startParts(deciding: Deciding, unit: number, how: { parts: number; spread: number }): void {
  const { units, linkChoices } = deciding;
  const { parts, spread } = how;
  const linksMax = units.heavy[unit] === 1 ? Math.floor((ROW_SHARES + 1) / parts) : 1;
  let whole = 0;
  for (let part = 0; part < parts; part++) whole += shareOf(units, unit, order[part] as number);
  let given = 0;
  for (let part = 0; part < parts; part++) {
    const pop = order[part] as number;
    const choices = linkChoices[pop] as readonly number[];
    const own = linksMax === 1 ? [choices[spread % choices.length] as number] : commonest(choices, linksMax);
    const slots = own.map((link) => choices.filter((choice) => choice === link).length);
    const total = slots.reduce((sum, count) => sum + count, 0);
    const share = parts === 1 ? 1 : shareOf(units, unit, pop) / whole;
    for (const [i, link] of own.entries()) {
      links[length] = link;
      given += (share * (slots[i] as number)) / total;
      if (length < ROW_SHARES) bounds[length] = boundOf(given);
      length++;
    }
  }
  // The last link has what is left.
  if (length - 1 < ROW_SHARES) bounds[length - 1] = 0;
}

function boundOf(given: number): number {
  return Math.max(
    1 + length,
    Math.min(SHARE_WHOLE - 1 - ROW_SHARES + length, Math.round(given * SHARE_WHOLE)),
  );
}

/** The links with most slots, at most `max`, in the fleet's order. */
function commonest(choices: readonly number[], max: number): number[] {
  const distinct = [...new Set(choices)].sort((one, other) => one - other);
  const slots = (link: number): number => choices.filter((choice) => choice === link).length;
  if (distinct.length <= max) return distinct;
  return distinct
    .toSorted((one, other) => slots(other) - slots(one) || one - other)
    .slice(0, max)
    .sort((one, other) => one - other);
}

/** Puts the row into the table; whether it differs from the one that was there. */
function putRow(rows: RowTable, unit: number): boolean {
  let hasChanged = false;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const at = unit * ROW_CANDIDATES + k;
    if (rows.candidates[at] !== links[k]) hasChanged = true;
    rows.candidates[at] = links[k] as number;
  }
  for (let k = 0; k < ROW_SHARES; k++) {
    const at = unit * ROW_SHARES + k;
    if (rows.shares[at] !== bounds[k]) hasChanged = true;
    rows.shares[at] = bounds[k] as number;
  }
  return hasChanged;
}
