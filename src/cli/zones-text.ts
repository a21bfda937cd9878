import type { Config } from '../config/config.ts';

/** Zones named one by one; of more, how many. */
const NAMED_MAX = 5;

/** The zones for people: `a.example, b.example and 19998 more`. */
export function zonesText({ zones }: Pick<Config, 'zones'>): string {
  const named = zones.slice(0, NAMED_MAX).map(({ origin }) => origin);
  const rest = zones.length - named.length;
  return rest === 0 ? named.join(', ') : `${named.join(', ')} and ${rest} more`;
}
