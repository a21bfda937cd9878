/** A cell this near to its best POP is well served, ms. */
export const CLOSE_MS = 5;

/** 0 of nothing. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Quantile of sorted values, between neighbours in proportion; 0 of nothing. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? 0;
  const high = sorted[Math.ceil(at)] ?? low;
  return low + (at - Math.floor(at)) * (high - low);
}

/** With four decimals, so that files are the same everywhere and short. */
export function rounded(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
