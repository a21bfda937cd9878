/** Ranges of a client image's family, in address order, with their rows: see geo/client-image.ts. */
export interface RowRanges {
  readonly count: number;
  readonly high: Uint32Array;
  /** Empty for IPv4. */
  readonly low: Uint32Array;
  readonly site: Uint32Array;
  readonly rowOfSite: Uint32Array | Uint16Array;
  readonly leaves: LeafRanges;
}

/** Addresses of a leaf: those of a /24, or in the lower word those of a /48. */
const LEAF_HIGH = 0x100;
const LEAF_LOW = 0x1_0000;

/** Networks with rows of their own, whatever ranges they lie in: in address order, none inside another. */
export interface LeafRanges {
  readonly count: number;
  readonly high: Uint32Array;
  /** Of IPv6; 0 for IPv4. */
  readonly low: Uint32Array;
  readonly row: Uint32Array;
}

/** What `takeRuns` goes on with: the next run, of another row than the last one taken. Mutable. */
export interface Sweep {
  /** The first range that was not passed; the run begins with it unless a leaf has to do with it. */
  next: number;
  /** Ranges before this begin before the next leaf. */
  bound: number;
  /** The first leaf that was not passed. */
  leaf: number;
  /** The next run begins or ends with a leaf: it is described below. */
  isAtLeaf: boolean;
  high: number;
  low: number;
  row: number;
  /** The run begins a leaf: its ranges are still to be passed. */
  isInLeaf: boolean;
}

/**
 * Runs of addresses with one row: those of a unit, the first of which holds its first address. Mutable, for
 * reuse.
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

/** A sweep at the first of a unit's addresses, as if all before them had another row. */
export function sweepFrom(ranges: RowRanges, next: number, prefix: number, bits: number): Sweep {
  const { leaves } = ranges;
  const leaf = leafFrom(leaves, prefix * 2 ** (32 - bits));
  const sweep: Sweep = { next, bound: 0, leaf, isAtLeaf: false, high: 0, low: 0, row: -1, isInLeaf: false };
  sweep.bound = boundOf(ranges, sweep);
  if (sweep.bound === next && leaf < leaves.count) enterLeaf(ranges, sweep);
  return sweep;
}

/** The first leaf that begins with an address whose upper word is `high`, or later. */
export function leafFrom(leaves: LeafRanges, high: number): number {
  let from = 0;
  let to = leaves.count;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((leaves.high[middle] as number) < high) from = middle + 1;
    else to = middle;
  }
  return from;
}

/**
 * Goes on to the next unit, whose addresses begin with these bits: the list begins with the run that holds
 * its first address, and has all that begin within it. No leaf is larger than a unit.
 */
export function takeRuns(ranges: RowRanges, sweep: Sweep, list: RunList, prefix: number, bits: number): void {
  const { high, low, site, rowOfSite } = ranges;
  const isIpv6 = low.length > 0;
  const shift = 32 - bits;
  let { last } = list;
  if (last > 0) {
    // The last run of the entry before is the one that goes on into this.
    list.high[0] = list.high[last] as number;
    list.low[0] = list.low[last] as number;
    list.row[0] = list.row[last] as number;
  }
  last = isBegin(ranges, sweep, (prefix << shift) >>> 0) ? -1 : 0;
  for (;;) {
    if (sweep.isAtLeaf) {
      if (sweep.high >>> shift !== prefix) break;
      if (++last + 2 >= list.high.length) grow(list);
      list.high[last] = sweep.high;
      list.low[last] = sweep.low;
      list.row[last] = sweep.row;
      passRow(ranges, sweep, sweep.row);
      continue;
    }
    let { next } = sweep;
    const { bound } = sweep;
    let row = -1;
    while (next < bound && (high[next] as number) >>> shift === prefix) {
      row = rowOfSite[site[next] as number] as number;
      if (++last + 2 >= list.high.length) grow(list);
      list.high[last] = high[next] as number;
      if (isIpv6) list.low[last] = low[next] as number;
      list.row[last] = row;
      do next++;
      while (next < bound && rowOfSite[site[next] as number] === row);
    }
    sweep.next = next;
    if (next < bound || row < 0 || sweep.leaf === ranges.leaves.count) break;
    passRow(ranges, sweep, row);
  }
  list.last = last;
  list.hasAfter = sweep.isAtLeaf || sweep.next < ranges.count;
  if (!list.hasAfter) return;
  list.high[last + 1] = sweep.isAtLeaf ? sweep.high : (high[sweep.next] as number);
  if (isIpv6) list.low[last + 1] = sweep.isAtLeaf ? sweep.low : (low[sweep.next] as number);
}

/** Goes on to the next run: the first address from here on that has another row than this. */
function passRow(ranges: RowRanges, sweep: Sweep, row: number): void {
  const { site, rowOfSite, leaves } = ranges;
  for (;;) {
    if (sweep.isInLeaf) passLeaf(ranges, sweep);
    else {
      sweep.isAtLeaf = false;
      while (sweep.next < sweep.bound && rowOfSite[site[sweep.next] as number] === row) sweep.next++;
      if (sweep.next < sweep.bound || sweep.leaf === leaves.count) return;
      enterLeaf(ranges, sweep);
    }
    if (sweep.isAtLeaf && sweep.row !== row) return;
  }
}

/** The next run begins with the next leaf. */
function enterLeaf({ leaves }: RowRanges, sweep: Sweep): void {
  const { leaf } = sweep;
  sweep.isAtLeaf = true;
  sweep.isInLeaf = true;
  sweep.high = leaves.high[leaf] as number;
  sweep.low = leaves.low[leaf] as number;
  sweep.row = leaves.row[leaf] as number;
}

/** The next run begins behind the leaf: with another leaf, a range, or the rest of the range around it. */
function passLeaf(ranges: RowRanges, sweep: Sweep): void {
  const { count, high, low, site, rowOfSite, leaves } = ranges;
  const isIpv6 = low.length > 0;
  const ownLow = leaves.low[sweep.leaf] as number;
  const endLow = isIpv6 ? (ownLow + LEAF_LOW) >>> 0 : 0;
  const endHigh = (leaves.high[sweep.leaf] as number) + (isIpv6 ? (endLow === 0 ? 1 : 0) : LEAF_HIGH);
  let { next } = sweep;
  while (next < count && isBefore(ranges, next, endHigh, endLow)) next++;
  sweep.next = next;
  sweep.leaf++;
  sweep.isAtLeaf = false;
  sweep.isInLeaf = false;
  sweep.bound = boundOf(ranges, sweep);
  if (endHigh > 0xffff_ffff) return;
  if (leaves.high[sweep.leaf] === endHigh && leaves.low[sweep.leaf] === endLow) enterLeaf(ranges, sweep);
  else if (next === count || high[next] !== endHigh || (isIpv6 && low[next] !== endLow)) {
    sweep.isAtLeaf = true;
    sweep.high = endHigh;
    sweep.low = endLow;
    sweep.row = rowOfSite[site[next - 1] as number] as number;
  }
}

/** The first range, of those not passed, that begins where the next leaf does or later. */
function boundOf(ranges: RowRanges, { next, leaf }: Sweep): number {
  const { count, leaves } = ranges;
  if (leaf === leaves.count) return count;
  const high = leaves.high[leaf] as number;
  const low = leaves.low[leaf] as number;
  let from = next;
  let step = 1;
  while (from + step <= count && isBefore(ranges, from + step - 1, high, low)) {
    from += step;
    step *= 2;
  }
  let to = Math.min(count, from + step);
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isBefore(ranges, middle, high, low)) from = middle + 1;
    else to = middle;
  }
  return from;
}

function isBefore({ high, low }: RowRanges, range: number, wantedHigh: number, wantedLow: number): boolean {
  const start = high[range] as number;
  return start < wantedHigh || (start === wantedHigh && (low[range] ?? 0) < wantedLow);
}

/** Whether the next run begins with the address whose upper half is `high`, the rest being zero. */
function isBegin({ count, high: starts, low }: RowRanges, sweep: Sweep, high: number): boolean {
  if (sweep.isAtLeaf) return sweep.high === high && sweep.low === 0;
  const { next } = sweep;
  return next < count && starts[next] === high && (low.length === 0 || low[next] === 0);
}

function grow(list: RunList): void {
  for (const name of ['high', 'low', 'row'] as const) {
    const longer = new Int32Array(list[name].length * 2);
    longer.set(list[name]);
    list[name] = longer;
  }
}
