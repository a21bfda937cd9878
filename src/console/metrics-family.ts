/** Beginning of every name. */
export const PREFIX = 'isochrone_';

/** One sample of a family. */
export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of histograms and summaries. */
  readonly suffix?: string;
}

/** A family of metrics as it stands now. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: readonly MetricSample[];
}

/** One sample for each count. */
export function byLabel(label: string, counts: Readonly<Record<string, number>>): MetricSample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

/** A family of gauges; the name is without prefix. */
export function gauge(name: string, help: string, samples: readonly MetricSample[]): Family {
  return { name: PREFIX + name, help, type: 'gauge', samples };
}

/** A family of counters; the name is without prefix. */
export function counter(name: string, help: string, samples: readonly MetricSample[]): Family {
  return { name: PREFIX + name, help, type: 'counter', samples };
}

/** A family of one sample without labels. */
export function single(make: typeof gauge, name: string, help: string, value: number): Family {
  return make(name, help, [{ labels: {}, value }]);
}
