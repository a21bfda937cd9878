const STYLES = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;

/** The text in a style, where colour is wanted. */
export function styled(text: string, style: keyof typeof STYLES, colour: boolean): string {
  return colour ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** Milliseconds with two decimals, without a unit: columns name it. */
export function formatMs(ms: number): string {
  return ms.toFixed(2);
}

/** A span of time as a person says it: `850 ms`, `12.3 s`, `4 min`, `3.5 h`. */
export function formatSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${(ms / 3_600_000).toFixed(1)} h`;
}

/** A count with thousands apart: `1 234 567`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ' ');
}

/** A fraction as per cent with one decimal. */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `FRA is 4.20 ms nearer, but its price is 6.1 ms`: why clients do not get the nearest POP. */
export function passedOverText(of: {
  readonly pop: string;
  readonly nearerMs: number;
  readonly why: string;
}) {
  return `${of.pop} is ${formatMs(of.nearerMs)} ms nearer, but ${of.why}`;
}
