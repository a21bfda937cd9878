import type { CounterSnapshot } from '../base/counters.ts';
import type { PopView } from '../console/api.ts';
import type { DemandView } from '../console/api-demand.ts';
import type { TopRate, TopView } from '../console/api-top.ts';
import type { QueryReader } from '../server/query-samples.ts';
import { questionOf } from './query-line.ts';
import { labelTotals, ratesBetween } from './query-rates.ts';

/** What the view is made from. */
export interface TopSources {
  readonly counters: () => CounterSnapshot;
  /** Samples of this view's own. */
  readonly queries: QueryReader;
  readonly demand: (max: number) => DemandView;
  readonly pops: () => readonly PopView[];
  readonly nowMs: () => number;
}

/** Watches while somebody looks. */
export interface TopWatch {
  /** What is asked most, at most so many of each; the first look begins to watch, and waits a moment. */
  readonly view: (max: number) => Promise<TopView>;
  readonly close: () => void;
}

/** Between two looks at samples and counters, ms. */
const LOOK_MS = 200;
/** Rates are over so long, ms. */
const PERIOD_MS = 5_000;
/** Nobody asked for so long: watching ends, ms. */
const IDLE_MS = 15_000;
/** The first answer waits for so much to be seen, ms. */
const FIRST_MS = 1_000;
/** Samples a second that are wanted: so many names are looked at, whatever is asked. */
const SAMPLES_PER_SECOND = 200;
const NAMES_KEPT = 5_000;

const QUERIES = 'isochrone_dns_queries_total';
const POP_ANSWERS = 'isochrone_dns_pop_answers_total';
const LABELS = { transport: QUERIES, qtype: QUERIES, rcode: QUERIES, pop: POP_ANSWERS } as const;
type Label = keyof typeof LABELS;

interface Look {
  readonly atMs: number;
  readonly totals: Readonly<Record<Label, ReadonlyMap<string, number>>>;
}

interface Watching {
  readonly looks: Look[];
  readonly names: { readonly atMs: number; readonly name: string }[];
  timer: NodeJS.Timeout | undefined;
  askedAtMs: number;
  every: number;
}

/** Watches nothing yet: no query is looked at. */
export function createTopWatch(sources: TopSources): TopWatch {
  const watching: Watching = { looks: [], names: [], timer: undefined, askedAtMs: 0, every: 0 };
  const end = (): void => {
    clearInterval(watching.timer);
    watching.timer = undefined;
    watching.every = 0;
    sources.queries.want(0);
    watching.looks.length = 0;
    watching.names.length = 0;
  };
  return {
    close: end,
    view: async (max) => {
      watching.askedAtMs = performance.now();
      if (watching.timer === undefined) {
        // What is asked tells how many samples to want: none until the second look.
        look(watching, sources);
        watching.timer = setInterval(() => {
          if (performance.now() - watching.askedAtMs > IDLE_MS) end();
          else look(watching, sources);
        }, LOOK_MS).unref();
        await new Promise((resolve) => setTimeout(resolve, FIRST_MS));
      }
      look(watching, sources);
      return viewOf(watching, sources, max);
    },
  };
}

function want(watching: Watching, { queries }: TopSources, every: number): void {
  if (watching.every === every) return;
  watching.every = every;
  queries.want(every);
}

function look(watching: Watching, sources: TopSources): void {
  const { looks, names } = watching;
  const atMs = performance.now();
  const snapshot = sources.counters();
  const of = (label: Label): Map<string, number> => labelTotals(snapshot, LABELS[label], label);
  const totals = { transport: of('transport'), qtype: of('qtype'), rcode: of('rcode'), pop: of('pop') };
  looks.push({ atMs, totals });
  while (atMs - (looks[0]?.atMs ?? atMs) > PERIOD_MS && looks.length > 2) looks.shift();
  for (const sample of sources.queries.read()) {
    const question = questionOf(sample);
    names.push({ atMs, name: question === undefined ? '(no question)' : question.name.toLowerCase() });
  }
  const old = names.findIndex((one) => atMs - one.atMs <= PERIOD_MS);
  names.splice(0, Math.max(old < 0 ? names.length : old, names.length - NAMES_KEPT));
  if (looks.length < 2) return;
  // Powers of two: the rate of samples changes when the queries' does, not with each of them.
  const qps = sumOf(ratesOf(watching, 'transport'));
  want(watching, sources, 2 ** Math.max(0, Math.round(Math.log2(qps / SAMPLES_PER_SECOND))));
}

function ratesOf({ looks }: Watching, label: Label): TopRate[] {
  const [first, last] = [looks[0], looks.at(-1)];
  if (first === undefined || last === undefined) return [];
  const seconds = (last.atMs - first.atMs) / 1000;
  return Object.entries(ratesBetween(first.totals[label], last.totals[label], seconds))
    .map(([name, qps]) => ({ name, qps }))
    .filter(({ qps }) => qps > 0)
    .sort((a, b) => b.qps - a.qps);
}

function sumOf(rates: readonly TopRate[]): number {
  return rates.reduce((sum, { qps }) => sum + qps, 0);
}

function viewOf(watching: Watching, sources: TopSources, max: number): TopView {
  const { names } = watching;
  const transports = ratesOf(watching, 'transport');
  const qps = sumOf(transports);
  const counts = new Map<string, number>();
  for (const { name } of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const answers = new Map(ratesOf(watching, 'pop').map((rate) => [rate.name, rate.qps]));
  const pops = sources
    .pops()
    .map(({ code, state, loadRps, capacityRps, priceMs }) => {
      const load = loadRps === undefined ? {} : { loadRps };
      return { code, state, qps: answers.get(code) ?? 0, ...load, capacityRps, priceMs };
    })
    .filter((pop) => pop.qps > 0 || (pop.loadRps ?? 0) > 0)
    .sort((a, b) => b.qps - a.qps || (b.loadRps ?? 0) - (a.loadRps ?? 0));
  return {
    atMs: sources.nowMs(),
    qps,
    samples: names.length,
    names: [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, max)
      .map(([name, count]) => ({ name, qps: (count / names.length) * qps })),
    rcodes: ratesOf(watching, 'rcode').slice(0, max),
    types: ratesOf(watching, 'qtype').slice(0, max),
    transports,
    pops: pops.slice(0, max),
    cells: sources.demand(max).rows,
  };
}
