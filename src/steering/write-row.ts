import { mix32 } from '../base/random.ts';
import { asnOf, placeOf } from './cells.ts';
import type { DecidePass, Deciding } from './decide.ts';
import { ROW_CANDIDATES } from './image.ts';
import { CANDIDATES, candidateScore, NONE, type ServiceGroup } from './units.ts';

const order = new Int32Array(CANDIDATES);
const orderMs = new Float64Array(CANDIDATES);

/**
 * Writes the row: the incumbent first, then the others by score, each by one of the links that share its
 * clients.
 */
export function writeRow(
  deciding: Deciding,
  which: { unit: number; cell: number; group: number },
  pass: DecidePass,
): void {
  const { units, cells, groupOut, linkChoices, terms, groups } = deciding;
  const { unit, cell, group } = which;
  const { biasMs } = groups[group] as ServiceGroup;
  const out = groupOut[group] as Uint8Array;
  let count = 0;
  const first = unit * CANDIDATES;
  for (let at = first; at < first + CANDIDATES; at++) {
    const pop = units.pop[at] as number;
    if (pop === NONE) break;
    if (out[pop] === 1) continue;
    const own = pop === units.incumbent[unit];
    const ms = own ? -Infinity : candidateScore(units, at, terms, biasMs);
    let k = count++;
    while (k > 0 && (orderMs[k - 1] as number) > ms) {
      orderMs[k] = orderMs[k - 1] as number;
      order[k] = order[k - 1] as number;
      k--;
    }
    orderMs[k] = ms;
    order[k] = pop;
  }
  const spread = mix32(Math.imul(asnOf(cells, cell), 0x9e3779b1) ^ placeOf(cells, cell));
  const { candidates } = units.rows;
  let hasChanged = false;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const choices = k < count ? linkChoices[order[k] as number] : undefined;
    const link = choices === undefined ? NONE : (choices[spread % choices.length] as number);
    const at = unit * ROW_CANDIDATES + k;
    if (candidates[at] === link) continue;
    candidates[at] = link;
    hasChanged = true;
  }
  units.stale[unit] = 0;
  if (hasChanged) pass.changedRows++;
}
