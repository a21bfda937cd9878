/** A unit that would move for its gain alone. */
export interface Gain {
  readonly unit: number;
  /** Where to, and whether it leaves only because of an event. */
  readonly pop: number;
  readonly event: boolean;
  readonly gainMs: number;
  readonly rps: number;
}

/** A gain that may be had in this tick, by this share of the unit's clients. */
export interface ChosenGain extends Gain {
  readonly share: number;
}

/** A unit for which there is not enough room goes in part, if at least with this share. */
const PART_LEAST = 0.05;

/**
 * Those that may move in this tick: with the most gain x demand first, as many as demand no more than the
 * budget, in requests/s; at least one. Those without demand cost nothing. The rest waits for the next tick.
 * Where there is no room for all of a unit a part of it goes; where there is next to none it stays, and only
 * it misses something. `roomRps`, by POP, is kept up to date.
 */
export function chooseGains(
  gains: readonly Gain[],
  budgetRps: number,
  roomRps: Float64Array,
): { readonly chosen: readonly ChosenGain[]; readonly chosenRps: number; readonly waitingRps: number } {
  const weight = ({ gainMs, rps }: Gain): number => gainMs * rps;
  const ranked = [...gains].sort((one, other) => weight(other) - weight(one) || one.unit - other.unit);
  const chosen: ChosenGain[] = [];
  let chosenRps = 0;
  let waitingRps = 0;
  for (const gain of ranked) {
    const { pop, rps } = gain;
    const room = roomRps[pop] as number;
    const share = rps <= room ? 1 : room / rps;
    if (share < PART_LEAST) continue;
    const goesRps = share * rps;
    if (chosenRps > 0 && goesRps > 0 && chosenRps + goesRps > budgetRps) {
      waitingRps += rps;
      continue;
    }
    chosen.push({ ...gain, share });
    chosenRps += goesRps;
    roomRps[pop] = room - goesRps;
  }
  return { chosen, chosenRps, waitingRps };
}
