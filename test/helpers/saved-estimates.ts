import fc from 'fast-check';

const HOUR_MS = 3_600_000;

/** Any estimate as it is saved, measured at most so many hours before `nowMs`. */
export function someSaved(nowMs: number, hours: number) {
  return fc.record({
    level: fc.double({ min: 0.1, max: 2000, noNaN: true }),
    deviation: fc.double({ min: 0.2, max: 1000, noNaN: true }),
    last: fc.double({ min: 0.25, max: 3000, noNaN: true }),
    bursts: fc.integer({ min: 0, max: 31 }),
    modelled: fc.boolean(),
    atMs: fc.integer({ min: nowMs - hours * HOUR_MS, max: nowMs }),
  });
}
