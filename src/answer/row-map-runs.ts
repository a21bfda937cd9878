/** Ranges of a client image's family, in address order, with their rows: see geo/client-image.ts. */
export interface RowRanges {
  readonly count: number;
  readonly high: Uint32Array;
  /** Empty for IPv4. */
  readonly low: Uint32Array;
  readonly site: Uint32Array;
  readonly rowOfSite: Uint32Array | Uint16Array;
  /** First range of the run of rows that `takeRuns` goes on with. Mutable. */
  next: number;
}

/**
 * Runs of addresses with one row: those below one entry of the root table, the first of which holds the
 * entry's first address. Mutable, for reuse.
 */
export interface RunList {
  /** Position of the last run. */
  last: number;
  /** Whether there is a run after the last; it stands after it. */
  hasAfter: boolean;
  /** Where each begins: IPv4 addresses, or the two words of 64 bits; `low` is 0 for IPv4. */
  high: Int32Array;
  low: Int32Array;
  row: Int32Array;
}

/** A list with room for some. */
export function runList(): RunList {
  const words = (): Int32Array => new Int32Array(256);
  return { last: -1, hasAfter: false, high: words(), low: words(), row: words() };
}

/**
 * Goes on to the next entry of a root table of `bits` bits: the list begins with the run that holds the
 * entry's first address, and has all that begin within it.
 */
export function takeRuns(ranges: RowRanges, list: RunList, slot: number, bits: number): void {
  const { count, high, low, site, rowOfSite } = ranges;
  const isIpv6 = low.length > 0;
  const shift = 32 - bits;
  let { next } = ranges;
  let { last } = list;
  if (last > 0) {
    // The last run of the entry before is the one that goes on into this.
    list.high[0] = list.high[last] as number;
    list.low[0] = list.low[last] as number;
    list.row[0] = list.row[last] as number;
  }
  last = isBegin(ranges, (slot << shift) >>> 0) ? -1 : 0;
  while (next < count && (high[next] as number) >>> shift === slot) {
    const row = rowOfSite[site[next] as number] as number;
    if (++last + 2 >= list.high.length) grow(list);
    list.high[last] = high[next] as number;
    if (isIpv6) list.low[last] = low[next] as number;
    list.row[last] = row;
    do next++;
    while (next < count && rowOfSite[site[next] as number] === row);
  }
  list.last = last;
  list.hasAfter = next < count;
  if (list.hasAfter) {
    list.high[last + 1] = high[next] as number;
    if (isIpv6) list.low[last + 1] = low[next] as number;
  }
  ranges.next = next;
}

/** Whether the next run begins with the address whose upper half is `high`, the rest being zero. */
function isBegin({ next, count, high: starts, low }: RowRanges, high: number): boolean {
  return next < count && starts[next] === high && (low.length === 0 || low[next] === 0);
}

function grow(list: RunList): void {
  for (const name of ['high', 'low', 'row'] as const) {
    const longer = new Int32Array(list[name].length * 2);
    longer.set(list[name]);
    list[name] = longer;
  }
}
