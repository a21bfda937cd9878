import type { Clock } from '../base/clock.ts';
import type { Fleet } from '../base/fleet.ts';
import type { TargetBook } from '../config/targets-csv.ts';
import type { Locator } from '../geo/locator.ts';
import type { LocatedSample } from '../steering/accept.ts';
import type { TickInputs } from '../steering/decider.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import type { FleetOverride } from '../steering/fleet-state.ts';
import { type Maintenance, withMaintenance } from '../steering/maintenance.ts';
import { expectedOf } from '../store/expected.ts';
import type { Demand, Override, PopReport, SampleBatch, Store } from '../store/store.ts';
import { type NetworkPlace, networkFinder } from './locate-networks.ts';
import { drainWishes } from './wishes.ts';

/** What the loop reads from the store. */
export interface Inputs {
  /**
   * Everything for one tick; undefined when bursts, reports or overrides cannot be read: nothing may be
   * decided then. Bursts that were read wait for the next reading that succeeds. Never rejects.
   */
  readonly read: () => Promise<Omit<TickInputs, 'nowMs'> | undefined>;
  /** Whether they could be read. Never rejects. */
  readonly readOverrides: () => Promise<boolean>;
  /** As last read, and the drains of windows that are open now. */
  readonly overrides: () => readonly FleetOverride[];
  /** Calls that failed. */
  readonly failures: () => number;
}

/** Batches asked for at a time. */
const BATCHES_PER_READ = 500;
/**
 * Bursts older than this when the loop begins to read are in the estimates that were saved, or too old to say
 * much; a store keeps minutes of them, ms.
 */
const BEFORE_START_MS = 15_000;
/**
 * Demand is read every so many ticks, once there is some: it changes slowly, and is long. Sooner where a POP
 * that is filled to so much rose by this share of its capacity since it was read.
 */
const DEMAND_TICKS = 5;
const FILLED_SHARE = 0.5;
const RISE_SHARE = 0.05;
/** What a network to be measured counts for that nobody was seen to ask from, requests/s. */
const QUIET_RPS = 0.1;

/** Reads for a loop. */
export function createInputs(options: {
  store: Store;
  fleet: Fleet;
  clock: Clock;
  locator: Pick<Locator, 'locate' | 'databases'>;
  samplesPerTickMax: number;
  /** Group of each service, by its name. */
  groupOfService: ReadonlyMap<string, number>;
  /** Drains by the configuration's windows. */
  maintenance: Maintenance;
  /** Networks that are to be measured even if nobody was seen to ask from there. */
  targetBook?: TargetBook | undefined;
}): Inputs {
  const { store, fleet, locator, samplesPerTickMax, groupOfService, clock, maintenance } = options;
  const find = networkFinder(locator);
  const popIndexes = new Map(fleet.pops.map(({ code, index }) => [code, index]));
  let cursor = '';
  const sinceMs = clock.nowMs() - BEFORE_START_MS;
  /** Read, and not yet handed over. */
  let samples: LocatedSample[] = [];
  let overrides: readonly Override[] = [];
  let wishes: readonly FleetOverride[] = [];
  let failures = 0;
  let reads = 0;
  let hasDemand = false;
  /** The store may be away: undefined then. */
  const attempt = async <T>(ask: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await ask();
    } catch {
      failures++;
      return undefined;
    }
  };
  /** Whether all that is there was read, or as much as fits. */
  const readSamples = async (): Promise<boolean> => {
    while (samples.length < samplesPerTickMax) {
      const read = await attempt(() => store.readSamples(cursor, BATCHES_PER_READ));
      if (read === undefined) return false;
      cursor = read.cursor;
      for (const batch of read.batches)
        if (batch.atMs >= sinceMs) locateBatch(batch, popIndexes.get(batch.pop) ?? -1, find, samples);
      if (read.batches.length < BATCHES_PER_READ) break;
    }
    return true;
  };
  const readOverrides = async (): Promise<boolean> => {
    const seen = await attempt(() => store.overrides());
    overrides = seen ?? overrides;
    return seen !== undefined;
  };
  const overridesNow = (): readonly FleetOverride[] =>
    withMaintenance(overrides, [...maintenance.drains(clock.nowMs()), ...wishes]);
  /** What POPs expected when demand was read last, requests/s. */
  let loads: ReadonlyMap<string, number> = new Map();
  const noteLoads = (reports: readonly PopReport[]): void => {
    loads = new Map(reports.map((report) => [report.pop, expectedOf(report)]));
  };
  const isSteep = (report: PopReport): boolean => {
    const { pop, capacityRps } = report;
    const rps = expectedOf(report);
    return rps > FILLED_SHARE * capacityRps && rps - (loads.get(pop) ?? 0) > RISE_SHARE * capacityRps;
  };
  const isDemandDue = (): boolean => !hasDemand || reads % DEMAND_TICKS === 0;
  const readDemand = async (): Promise<readonly LocatedDemand[] | undefined> => {
    const demand = await attempt(() => store.demand());
    hasDemand ||= (demand?.length ?? 0) > 0;
    return demand?.concat(quiet(demand)).map(({ network, rps, service = '' }) => {
      return { ...find(network), rps, group: groupOfService.get(service) ?? -1 };
    });
  };
  const quiet = (demand: readonly Demand[]): Demand[] => {
    const seen = new Set(demand.map(({ network }) => network));
    const unseen = [...(options.targetBook?.keys() ?? [])].filter((network) => !seen.has(network));
    return unseen.map((network) => ({ network, rps: QUIET_RPS }));
  };
  return {
    read: async () => {
      const isDue = isDemandDue();
      const [hasSamples, reports, dueDemand, hasOverrides] = await Promise.all([
        readSamples(),
        attempt<readonly PopReport[]>(() => store.reports()),
        isDue ? readDemand() : undefined,
        readOverrides(),
      ]);
      if (!hasSamples || reports === undefined || !hasOverrides) return undefined;
      const demand = !isDue && reports.some(isSteep) ? await readDemand() : dueDemand;
      if (demand !== undefined) noteLoads(reports);
      reads++;
      wishes = drainWishes(reports);
      const bursts = samples;
      samples = [];
      return { samples: bursts, reports, overrides: overridesNow(), demand };
    },
    readOverrides,
    overrides: overridesNow,
    failures: () => failures,
  };
}

function locateBatch(
  batch: SampleBatch,
  popIndex: number,
  find: (network: string) => NetworkPlace,
  into: LocatedSample[],
): void {
  const { atMs } = batch;
  const modelled = batch.source === 'modelled';
  for (const { network: text, rttMs, jitterMs, sent, lost } of batch.samples) {
    const { network, placeId, asn } = find(text);
    into.push({ popIndex, network, placeId, asn, rttMs, jitterMs, sent, lost, atMs, modelled });
  }
}
