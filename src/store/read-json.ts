import { MEASURE_METHODS, type MeasureMethod, type SampleBatch } from './store.ts';

/** Checks of what JSON gave, before anything is believed. */

export const RTT_MAX_MS = 60_000;
export const RATE_MAX = 1e12;
/** The last moment that a `Date` can be. */
export const TIME_MAX_MS = 8.64e15;
const TEXT_MAX = 256;

/** undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that is not empty, nor long. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= TEXT_MAX;
}

export function isNumber(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

export function isOptional(value: unknown, min: number, max: number): value is number | undefined {
  return value === undefined || isNumber(value, min, max);
}

export function isSource(value: unknown): value is SampleBatch['source'] {
  return value === 'measured' || value === 'modelled';
}

export function isMeasureMethod(value: unknown): value is MeasureMethod {
  return MEASURE_METHODS.some((method) => method === value);
}

/** Milliseconds with three decimals. */
export function thousandths(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
