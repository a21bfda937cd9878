/** Packets that wait for their time: a binary heap in typed arrays, so that holding one allocates nothing. */
export interface Waiting {
  readonly count: () => number;
  /** Puts a packet in; false: there is no room. Of equal times, the lower number comes out first. */
  readonly put: (id: number, dueMs: number) => boolean;
  /** Time of the first; Infinity: there is none. */
  readonly firstMs: () => number;
  /** Takes the first out; -1: there is none. */
  readonly take: () => number;
}

/** Makes room for so many. */
export function createWaiting(max: number): Waiting {
  const due = new Float64Array(max);
  const ids = new Uint32Array(max);
  let count = 0;
  const isBefore = (one: number, other: number): boolean => {
    const [a, b] = [due[one] as number, due[other] as number];
    return a < b || (a === b && (ids[one] as number) < (ids[other] as number));
  };
  const swap = (one: number, other: number): void => {
    const [time, id] = [due[one] as number, ids[one] as number];
    due[one] = due[other] as number;
    ids[one] = ids[other] as number;
    due[other] = time;
    ids[other] = id;
  };
  const sinkFrom = (start: number): void => {
    for (let at = start; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < count && isBefore(child, least)) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  };
  return {
    count: () => count,
    put: (id, dueMs) => {
      if (count === max) return false;
      due[count] = dueMs;
      ids[count] = id;
      for (let at = count++; at > 0 && isBefore(at, (at - 1) >> 1); at = (at - 1) >> 1)
        swap(at, (at - 1) >> 1);
      return true;
    },
    firstMs: () => (count === 0 ? Number.POSITIVE_INFINITY : (due[0] as number)),
    take: () => {
      if (count === 0) return -1;
      const id = ids[0] as number;
      swap(0, --count);
      sinkFrom(0);
      return id;
    },
  };
}
