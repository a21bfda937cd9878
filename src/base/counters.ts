/** What a family of counters is, before any slot exists. */
export interface FamilySpec {
  /** Full metric name, in Prometheus' conventions: `isochrone_dns_queries_total`. */
  readonly name: string;
  /** One sentence for people. */
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  /**
   * Each label's name and its possible values, in order; the slots are their product, the last label fastest.
   */
  readonly labels: readonly LabelSpec[];
}

export interface LabelSpec {
  readonly name: string;
  readonly values: readonly string[];
}

/** What a histogram is: `bounds.length + 1` bucket slots, then the sum. */
export interface HistogramSpec {
  readonly name: string;
  readonly help: string;
  /**
   * Inclusive upper bounds, rising, in the unit that the name ends with; a last bucket without bound follows.
   */
  readonly bounds: readonly number[];
}

/** Where the slots of a set of counters lie: the same for every block of that set. */
export interface CounterLayout {
  readonly families: readonly (FamilySpec & { readonly offset: number })[];
  readonly histograms: readonly (HistogramSpec & { readonly offset: number })[];
  /** Slots in all. */
  readonly size: number;
}

/**
 * One block of slots. One thread alone writes it, with plain additions; any thread may read it. The slots are
 * doubles: exact to 2^53, and read whole on 64-bit machines.
 */
export type CounterBlock = Float64Array<SharedArrayBuffer>;

/** What counters held at one moment: what a metrics page shows, without knowing what is counted. */
export interface CounterSnapshot {
  readonly families: readonly FamilySnapshot[];
  readonly histograms: readonly HistogramSnapshot[];
}

export interface FamilySnapshot {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  /** Label names. */
  readonly labels: readonly string[];
  /**
   * One per combination of label values (in the order of `labels`); combinations that are 0 are left out
   * where there are labels.
   */
  readonly samples: readonly { readonly values: readonly string[]; readonly value: number }[];
}

export interface HistogramSnapshot {
  readonly name: string;
  readonly help: string;
  /** Inclusive upper bounds, rising, in the unit that the name ends with. */
  readonly bounds: readonly number[];
  /** Observations in each bucket alone (not cumulative): one more than there are bounds. */
  readonly counts: readonly number[];
  /** Sum of what was observed, in the unit of the name. */
  readonly sum: number;
}

/** Lays out slots for the families and histograms, in order. */
export function counterLayout(
  families: readonly FamilySpec[],
  histograms: readonly HistogramSpec[],
): CounterLayout {
  let size = 0;
  const take = (count: number): number => {
    size += count;
    return size - count;
  };
  const placedFamilies = families.map((family) => ({ ...family, offset: take(familySize(family)) }));
  const placedHistograms = histograms.map((spec) => ({ ...spec, offset: take(spec.bounds.length + 2) }));
  return { families: placedFamilies, histograms: placedHistograms, size };
}

/** A block of zeros for the layout. */
export function counterBlock(layout: CounterLayout): CounterBlock {
  return new Float64Array(new SharedArrayBuffer(layout.size * 8));
}

/** Adds up blocks of one layout (one block a worker) and names what the slots mean. */
export function readCounters(layout: CounterLayout, blocks: readonly CounterBlock[]): CounterSnapshot {
  const total = (slot: number): number => blocks.reduce((sum, block) => sum + (block[slot] ?? 0), 0);
  return {
    families: layout.families.map((family) => familySnapshot(family, total)),
    histograms: layout.histograms.map(({ name, help, bounds, offset }) => ({
      name,
      help,
      bounds,
      counts: Array.from({ length: bounds.length + 1 }, (_, bucket) => total(offset + bucket)),
      sum: total(offset + bounds.length + 1),
    })),
  };
}

/** Adds up what several counted: families and histograms by name, samples by labels. */
export function sumOfSnapshots(snapshots: readonly CounterSnapshot[]): CounterSnapshot {
  const families = new Map<string, FamilySnapshot>();
  const histograms = new Map<string, HistogramSnapshot>();
  for (const snapshot of snapshots) {
    for (const one of snapshot.families) families.set(one.name, sumOfFamilies(families.get(one.name), one));
    for (const one of snapshot.histograms) {
      const before = histograms.get(one.name);
      const counts = one.counts.map((count, place) => count + (before?.counts[place] ?? 0));
      histograms.set(one.name, { ...one, counts, sum: one.sum + (before?.sum ?? 0) });
    }
  }
  return { families: [...families.values()], histograms: [...histograms.values()] };
}

function sumOfFamilies(before: FamilySnapshot | undefined, one: FamilySnapshot): FamilySnapshot {
  const samples = new Map<string, FamilySnapshot['samples'][number]>();
  for (const { values, value } of [...(before?.samples ?? []), ...one.samples]) {
    const key = JSON.stringify(values);
    samples.set(key, { values, value: value + (samples.get(key)?.value ?? 0) });
  }
  return { ...one, samples: [...samples.values()] };
}

/**
 * One number a worker (a block each): the sum of a family's slots, or the count of a histogram's
 * observations, under the only label `worker`, 0 for the first block.
 */
export function readByWorker(
  layout: CounterLayout,
  blocks: readonly CounterBlock[],
  what: { readonly of: string; readonly name: string; readonly help: string },
): FamilySnapshot {
  const family = layout.families.find(({ name }) => name === what.of);
  const histogram = layout.histograms.find(({ name }) => name === what.of);
  const [offset, size] =
    family !== undefined
      ? [family.offset, familySize(family)]
      : [histogram?.offset ?? 0, histogram === undefined ? 0 : histogram.bounds.length + 1];
  const samples = blocks.map((block, worker) => ({
    values: [String(worker)],
    value: block.subarray(offset, offset + size).reduce((sum, slot) => sum + slot, 0),
  }));
  const { name, help } = what;
  return { name, help, kind: 'counter', labels: ['worker'], samples };
}

function familySize(family: FamilySpec): number {
  return family.labels.reduce((size, label) => size * label.values.length, 1);
}

function familySnapshot(
  family: CounterLayout['families'][number],
  total: (slot: number) => number,
): FamilySnapshot {
  const samples: { values: readonly string[]; value: number }[] = [];
  for (let index = 0; index < familySize(family); index++) {
    const value = total(family.offset + index);
    if (value !== 0 || family.labels.length === 0)
      samples.push({ values: labelValues(family, index), value });
  }
  const { name, help, kind } = family;
  return { name, help, kind, labels: family.labels.map((label) => label.name), samples };
}

function labelValues(family: FamilySpec, index: number): string[] {
  const values: string[] = [];
  let rest = index;
  for (const label of family.labels.toReversed()) {
    values.unshift(label.values[rest % label.values.length] ?? '');
    rest = Math.floor(rest / label.values.length);
  }
  return values;
}
