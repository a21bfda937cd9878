import type { Clock } from '../../base/clock.ts';

/** For so long requests for something that may not be kept do not wait for each other, ms. */
const PASS_MS = 10_000;
const PASSES_MAX = 10_000;

/** Keys of what may not be kept, remembered for a while; the oldest goes. */
export class Passes {
  readonly #clock: Clock;
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(key: string): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, this.#clock.nowMs() + PASS_MS);
    for (const oldest of this.#untilMs.keys()) {
      if (this.#untilMs.size <= PASSES_MAX) break;
      this.#untilMs.delete(oldest);
    }
  }

  has(key: string): boolean {
    return (this.#untilMs.get(key) ?? 0) > this.#clock.nowMs();
  }
}
