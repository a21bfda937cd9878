import { hashText, mix32 } from '../../base/random.ts';

/**
 * Position of the server that has the key, by highest random weight: each key orders the servers in its own
 * way, and the first that works has it. Where a server is lost only its keys move, evenly to the others.
 * undefined: none works.
 */
export function serverOf(key: string, works: readonly boolean[]): number | undefined {
  const hash = hashText(key);
  let best: number | undefined;
  let bestWeight = -1;
  for (let index = 0; index < works.length; index++) {
    if (works[index] !== true) continue;
    const weight = mix32(hash ^ mix32(index + 1));
    if (weight <= bestWeight) continue;
    bestWeight = weight;
    best = index;
  }
  return best;
}
