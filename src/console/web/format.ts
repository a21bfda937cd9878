/** How figures are written: thin spaces between thousands, units last. */

const THIN = '\u202f';

/** `12 345`. */
export const count = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, THIN);

/** Three digits and a letter: `137 k`, `6.21 k`, `42`. */
export function short(value: number): string {
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  for (const [size, letter] of steps) if (value >= size) return `${digits(value / size)}${THIN}${letter}`;
  return value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1);
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** `0.85`, `12.4`, `133`: milliseconds without their unit. */
export function ms(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** The same with its sign: `+12.4`, `−0.85`. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${ms(Math.abs(value))}`;

/** `4.7 %` of a fraction. */
export const percent = (fraction: number): string => {
  const value = 100 * fraction;
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value.toFixed(1)}${THIN}%`;
};

/** Between what a forecast is likely to be, where that is wider than 1 %: `880–960 likely`. */
export function likely(low: number | undefined, high: number | undefined): string {
  if (low === undefined || high === undefined || high - low <= 0.01 * high) return '';
  return `${short(low)}–${short(high)} likely`;
}

/** `850 ms`, `4.2 s`, `12 min`, `3 h`. */
export function span(durationMs: number): string {
  if (durationMs < 1000) return `${Math.max(0, durationMs).toFixed(0)}${THIN}ms`;
  if (durationMs < 10_000) return `${(durationMs / 1000).toFixed(1)}${THIN}s`;
  if (durationMs < 120_000) return `${(durationMs / 1000).toFixed(0)}${THIN}s`;
  if (durationMs < 7_200_000) return `${(durationMs / 60_000).toFixed(0)}${THIN}min`;
  return `${(durationMs / 3_600_000).toFixed(0)}${THIN}h`;
}

/** Times of ISO 8601 in a text, as clocks show them where the reader is. */
export const withClocks = (text: string): string =>
  text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (time) => clock(Date.parse(time)));

/** `18:04:20`, where the reader is. */
export function clock(atMs: number): string {
  const time = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
