/** A value, and when it was written. */
export interface Aged<T> {
  readonly atMs: number;
  readonly value: T;
}

/** The values that are not older; the others are removed. */
export function youngOf<T>(map: Map<string, Aged<T>>, oldestMs: number): T[] {
  const values: T[] = [];
  for (const [key, { atMs, value }] of map) {
    if (atMs < oldestMs) map.delete(key);
    else values.push(value);
  }
  return values;
}
