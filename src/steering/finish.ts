import { type DecidePass, type Deciding, LEAD_MAX } from './decide.ts';
import { scanUnit } from './scan.ts';
import { TTL_REASONS, ttlOf } from './ttl.ts';
import { writeRow } from './write-row.ts';

/** What a row can say; 18 hours. */
const TTL_MAX_SECONDS = 0xffff;
const BY_MARGIN = TTL_REASONS.indexOf('margin');

/**
 * Sets the TTLs of the units that are awake and writes the rows that are stale. Units of which nothing is
 * pending fall asleep: until their estimates, their POPs or their demand wake them.
 */
export function finishUnits(
  deciding: Deciding,
  activeCells: Int32Array,
  nowMs: number,
  pass: DecidePass,
): void {
  const { units } = deciding;
  for (let group = 0; group < units.groupCount; group++)
    for (let i = 0; i < activeCells.length; i++) {
      const cell = activeCells[i] as number;
      const unit = group * units.cellStride + cell;
      if (units.awake[unit] === 0) continue;
      setTtl(deciding, { unit, group, nowMs }, pass);
      if (units.stale[unit] === 1) writeRow(deciding, { unit, cell, group }, pass);
      units.awake[unit] = isPending(deciding, unit, nowMs) ? 1 : 0;
    }
}

function isPending(deciding: Deciding, unit: number, nowMs: number): boolean {
  const { units, params } = deciding;
  const lead = units.lead[unit] as number;
  const isRecent = nowMs - (units.movedAtMs[unit] as number) < params.ttlRecentMs;
  return isRecent || (lead > 0 && lead < LEAD_MAX) || units.splits.has(unit);
}

function setTtl(
  deciding: Deciding,
  which: { unit: number; group: number; nowMs: number },
  pass: DecidePass,
): void {
  const { params, units, failOpen, market } = deciding;
  const { unit, group, nowMs } = which;
  const { best, bestMs, secondMs, incumbent, incumbentMs } = scanUnit(deciding, unit, group);
  const pop = units.incumbent[unit] as number;
  const { ttlSeconds, ttlReason } = units.rows;
  const { seconds, reason } = ttlOf(
    {
      marginMs: best === incumbent ? secondMs - bestMs : bestMs - incumbentMs,
      sinceMoveMs: units.movedAtMs[unit] === 0 ? Infinity : nowMs - (units.movedAtMs[unit] as number),
      alarmed: market.alarmed[pop] === 1,
      failOpen: failOpen[group] === true,
      before: ttlReason[unit] === BY_MARGIN ? (ttlSeconds[unit] as number) : undefined,
    },
    params,
  );
  const code = TTL_REASONS.indexOf(reason);
  const ttl = Math.min(TTL_MAX_SECONDS, seconds);
  if (ttlSeconds[unit] === ttl && ttlReason[unit] === code) return;
  ttlSeconds[unit] = ttl;
  ttlReason[unit] = code;
  pass.changedRows++;
}
