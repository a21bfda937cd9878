/**
 * Room `base`: what every room may use: assertions, coded errors, clocks, randomness, addresses, geodesy,
 * counters. It imports nothing.
 */

/**
 * Fails loudly on a programmer's error; stays on in production. What a peer can cause is a value, never
 * this.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Ends a discriminated union: the compiler proves that no variant was forgotten. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** The value, which the caller knows to be there; a programmer's error otherwise. */
export function must<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`assertion failed: missing ${what}`);
  return value;
}
