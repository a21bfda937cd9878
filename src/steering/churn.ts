/** A unit that would move for its gain alone. */
export interface Gain {
  readonly unit: number;
  /** Where to, and whether it leaves only because of an event. */
  readonly pop: number;
  readonly event: boolean;
  readonly gainMs: number;
  readonly rps: number;
}

/**
 * Those that may move in this tick: with the most gain x demand first, as many as demand no more than the
 * budget, in requests/s; at least one. Those without demand cost nothing. The rest waits for the next tick,
 * and those for which there is no room, which only they would miss. `roomRps`, by POP, is kept up to date.
 */
export function chooseGains(
  gains: readonly Gain[],
  budgetRps: number,
  roomRps: Float64Array,
): { readonly chosen: readonly Gain[]; readonly chosenRps: number; readonly waitingRps: number } {
  const weight = ({ gainMs, rps }: Gain): number => gainMs * rps;
  const ranked = [...gains].sort((one, other) => weight(other) - weight(one) || one.unit - other.unit);
  const chosen: Gain[] = [];
  let chosenRps = 0;
  let waitingRps = 0;
  for (const gain of ranked) {
    if (gain.rps > (roomRps[gain.pop] as number)) continue;
    if (chosenRps === 0 || chosenRps + gain.rps <= budgetRps || gain.rps === 0) {
      chosen.push(gain);
      chosenRps += gain.rps;
      roomRps[gain.pop] = (roomRps[gain.pop] as number) - gain.rps;
    } else waitingRps += gain.rps;
  }
  return { chosen, chosenRps, waitingRps };
}
