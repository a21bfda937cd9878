/**
 * What a whole address space says, in address order: run i begins at (high[i], low[i]), has value[i], and
 * ends where the next begins; the first begins at zero, so every address is in one. IPv4 addresses are 32
 * bits and have no `low`; IPv6 addresses are their first 64 bits.
 */
export interface Runs {
  readonly count: number;
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly value: Uint32Array;
}

/** Runs being written, in address order. */
export interface RunWriter {
  /** A run with the value of the one before it is that one going on. */
  readonly put: (high: number, low: number, value: number) => void;
  readonly finish: () => Runs;
}

const INITIAL_RUNS = 1 << 14;

/** A writer whose first run must begin at zero. It has room for `expected` runs, and grows. */
export function runWriter(family: 4 | 6, expected = INITIAL_RUNS): RunWriter {
  let room = expected;
  let high = new Uint32Array(room);
  let low = new Uint32Array(family === 6 ? room : 0);
  let value = new Uint32Array(room);
  let count = 0;
  let last = -1;
  const grow = (): void => {
    room *= 2;
    high = extended(high, room);
    low = extended(low, family === 6 ? room : 0);
    value = extended(value, room);
  };
  return {
    put: (startHigh, startLow, next) => {
      if (next === last) return;
      if (count === room) grow();
      high[count] = startHigh;
      if (family === 6) low[count] = startLow;
      value[count++] = next;
      last = next;
    },
    finish: () => ({
      count,
      high: high.subarray(0, count),
      low: low.subarray(0, family === 6 ? count : 0),
      value: value.subarray(0, count),
    }),
  };
}

/** Runs that say 0 of every address. */
export function emptyRuns(family: 4 | 6): Runs {
  const writer = runWriter(family);
  writer.put(0, 0, 0);
  return writer.finish();
}

function extended(from: Uint32Array<ArrayBuffer>, room: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(room);
  to.set(from);
  return to;
}
