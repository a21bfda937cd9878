/** A weighted distribution in figures. */
export interface Distribution {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** A value, and how much it counts. */
export interface Weighted {
  readonly value: number;
  readonly weight: number;
}

/** Figures of weighted values; all 0 where there are none. */
export function distributionOf(values: readonly Weighted[]): Distribution {
  const sorted = values.filter(({ weight }) => weight > 0).sort((a, b) => a.value - b.value);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return { mean: 0, p50: 0, p95: 0, max: 0 };
  const mean = sorted.reduce((sum, { value, weight }) => sum + value * weight, 0) / total;
  const at = (share: number): number => {
    let left = share * total;
    for (const { value, weight } of sorted) {
      left -= weight;
      if (left <= 0) return value;
    }
    return sorted.at(-1)?.value ?? 0;
  };
  return { mean, p50: at(0.5), p95: at(0.95), max: sorted.at(-1)?.value ?? 0 };
}
