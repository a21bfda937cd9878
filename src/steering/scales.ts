import { logOf } from '../base/log.ts';

/** Times are kept in steps of 1 s, of the last 18 hours. */
export const TIME_STEP_MS = 1000;
const TIME_MASK = 0xffff;
/** A time so many steps ahead is a little in the future, not a day old. */
const FUTURE_STEPS = 0xff00;
const CODE_MAX = 255;

/** A scale of equal ratios from a least duration on: its codes fit in an octet. */
export interface Scale {
  readonly leastMs: number;
  /** Codes that a natural logarithm of 1 is worth, and the code that 1 ms would have. */
  readonly codesPerLog: number;
  readonly codeOfOne: number;
  /** By code, ms. */
  readonly ms: Float64Array;
}

/** A scale on which each code is `ratio` times the one before. */
export function createScale(leastMs: number, ratio: number): Scale {
  const step = Math.log(ratio);
  return {
    leastMs,
    codesPerLog: 1 / step,
    codeOfOne: -Math.log(leastMs) / step,
    ms: Float64Array.from({ length: CODE_MAX + 1 }, (_, code) => leastMs * Math.exp(code * step)),
  };
}

/** The code nearest to a duration. */
export function codeOf({ leastMs, codesPerLog, codeOfOne }: Scale, ms: number): number {
  const position = logOf(Math.max(ms, leastMs)) * codesPerLog + codeOfOne;
  return Math.min(CODE_MAX, (position + 0.5) | 0);
}

/** Code of a time, ms since 1970: its steps, without those of whole 18 hours before. */
export function timeCodeOf(atMs: number): number {
  return Math.floor(atMs / TIME_STEP_MS) & TIME_MASK;
}

/** Steps from one time to a later one; 0 where it is a little earlier. */
export function stepsBetween(code: number, later: number): number {
  const steps = (later - code) & TIME_MASK;
  return steps >= FUTURE_STEPS ? 0 : steps;
}

/** Ages whose fading is kept, in steps: some eight minutes. */
const FADES = 512;
/** By steps: what is left. For one `ageMs`: a fleet has one. */
const fades = { ageMs: 0, left: new Float64Array(FADES) };

/** What is left after so many steps of what falls by a factor e in `ageMs`, 0..1. */
export function fadeOf(steps: number, ageMs: number): number {
  if (fades.ageMs !== ageMs) {
    fades.ageMs = ageMs;
    for (let step = 0; step < FADES; step++) fades.left[step] = Math.exp((-step * TIME_STEP_MS) / ageMs);
  }
  return steps < FADES ? (fades.left[steps] as number) : Math.exp((-steps * TIME_STEP_MS) / ageMs);
}
