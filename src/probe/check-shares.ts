import type { Fleet, Pop } from '../base/fleet.ts';
import { hashText } from '../base/random.ts';

/** POPs that an agent checks: each is checked from so many others, whichever they are by a hash of both. */
export function popsCheckedBy(fleet: Fleet, agent: string, agentsPerPop: number): readonly Pop[] {
  return fleet.pops.filter(({ code }) => {
    const weightOf = (other: string): number => hashText(`${other} checks ${code}`);
    const own = weightOf(agent);
    const before = fleet.pops.filter((other) => other.code !== code && weightOf(other.code) > own);
    return code !== agent && before.length < agentsPerPop;
  });
}
