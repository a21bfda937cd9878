import { type Address, formatPrefix, maskedAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { Fleet, Pop } from '../base/fleet.ts';
import type { Random } from '../base/random.ts';
import { BATCH_SAMPLES_MAX } from '../store/bounds.ts';
import type { Sample, Store } from '../store/store.ts';
import { beaconScript } from './beacon-script.ts';
import { createRateBound } from './rate-bound.ts';

/** How browsers measure for us. */
export interface BeaconSettings {
  /** Address of a POP's tiny object: `https://{pop}.probe.example/o`, or with `{ipv4}`, `{ipv6}` in it. */
  readonly url: string;
  /** POPs that one browser is told of. */
  readonly pops: number;
  /** Posts taken from one client network in a minute. */
  readonly postsPerNetwork: number;
  /** Samples taken of one POP in a minute. */
  readonly samplesPerPop: number;
}

/** What `createBeacon` needs. */
export interface BeaconOptions {
  readonly settings: BeaconSettings;
  readonly fleet: Fleet;
  readonly store: Pick<Store, 'appendSamples'>;
  readonly clock: Clock;
  readonly random: Random;
  /**
   * POPs that a client is best measured from, as positions in the fleet: whom it is answered with now, then
   * who else may serve it best. May be empty.
   */
  readonly preferred: (client: Address) => readonly number[];
}

/** The server's side of the beacon. */
export interface Beacon {
  /** The script for a client. */
  readonly script: (client: Address) => string;
  /** Takes a body that `client` posted; a list says what is wrong with it. */
  readonly take: (client: Address, body: unknown) => 'taken' | 'too-much' | readonly string[];
  /** Sends what was taken. Never rejects: what the store does not take now is lost, and counted. */
  readonly flush: () => Promise<void>;
  readonly counts: () => BeaconCounts;
}

/** Since the start. */
export interface BeaconCounts {
  readonly taken: number;
  /** Over the bounds of networks and of POPs. */
  readonly bounded: number;
  /** That the store did not take. */
  readonly lost: number;
}

/** Of these, this many are told of that nobody prefers: they may have become better. */
const EXPLORED = 1;
const ROWS_MAX = 16;
const TIMES_MAX = 10;
const RTT_MAX_MS = 60_000;
/** Client networks counted in one minute at most. */
const NETWORKS_MAX = 100_000;
const IPV4_BITS = 24;
const IPV6_BITS = 48;

/** For one process that listens. */
export function createBeacon(options: BeaconOptions): Beacon {
  const { settings, fleet, store, clock } = options;
  const posts = createRateBound({ perMinute: settings.postsPerNetwork, keysMax: NETWORKS_MAX });
  const perPop = createRateBound({ perMinute: settings.samplesPerPop, keysMax: fleet.pops.length });
  const codes = new Set(fleet.pops.map(({ code }) => code));
  const waiting = new Map<string, Sample[]>();
  const counts = { taken: 0, lost: 0 };
  const put = (pop: string, sample: Sample): void => {
    const samples = waiting.get(pop) ?? [];
    waiting.set(pop, samples);
    counts.taken++;
    if (samples.length >= BATCH_SAMPLES_MAX) counts.lost++;
    else samples.push(sample);
  };
  return {
    script: (client) => {
      const pops = choosePops(options, client).map((pop) => [pop.code, objectUrl(settings, pop)] as const);
      return beaconScript(pops);
    },
    take: (client, body) => {
      const faults = rowFaults(body, codes);
      if (faults.length > 0) return faults;
      const nowMs = clock.nowMs();
      const network = networkOf(client);
      if (!posts.take(network, 1, nowMs)) return 'too-much';
      // Checked above: a list of a POP's code and times.
      for (const [pop, ...times] of body as [string, ...(number | null)[]][])
        if (times.length > 0 && perPop.take(pop, 1, nowMs)) put(pop, sampleOf(network, times));
      return 'taken';
    },
    flush: async () => {
      const batches = [...waiting];
      waiting.clear();
      const atMs = clock.nowMs();
      const send = async ([pop, samples]: readonly [string, readonly Sample[]]) => {
        await store.appendSamples({ pop, atMs, source: 'measured', samples }).catch(() => {
          counts.lost += samples.length;
        });
      };
      await Promise.all(batches.map(send));
    },
    counts: () => ({ ...counts, bounded: posts.refused() + perPop.refused() }),
  };
}

/** The network that stands for a client, as agents name it. */
function networkOf(client: Address): string {
  const length = client.family === 4 ? IPV4_BITS : IPV6_BITS;
  return formatPrefix({ address: maskedAddress(client, length), length });
}

/** One browser's times of one POP as a burst. */
function sampleOf(network: string, times: readonly (number | null)[]): Sample {
  const seen = times.filter((ms) => ms !== null);
  const burst = { network, sent: times.length, lost: times.length - seen.length, method: 'beacon' } as const;
  if (seen.length === 0) return burst;
  const rttMs = Math.min(...seen);
  return { ...burst, rttMs, jitterMs: seen.reduce((sum, ms) => sum + ms, 0) / seen.length - rttMs };
}

/** Those preferred, all but the last of the list; the rest by chance. */
function choosePops({ settings, fleet, random, preferred }: BeaconOptions, client: Address): Pop[] {
  const chosen = new Set(preferred(client).slice(0, Math.max(1, settings.pops - EXPLORED)));
  const count = Math.min(settings.pops, fleet.pops.length);
  // Ends: a full turn from any start meets every POP.
  for (
    let at = Math.floor(random.next() * fleet.pops.length);
    chosen.size < count;
    at = (at + 1) % fleet.pops.length
  )
    chosen.add(at);
  return Array.from(chosen, (index) => must(fleet.pops[index], 'POP that was chosen'));
}

function objectUrl({ url }: BeaconSettings, { code, links }: Pop): string {
  const [link] = links;
  return url
    .replaceAll('{pop}', code.toLowerCase())
    .replaceAll('{ipv4}', link?.ipv4 ?? '')
    .replaceAll('{ipv6}', link?.ipv6 ?? '');
}

function rowFaults(body: unknown, codes: ReadonlySet<string>): string[] {
  if (!Array.isArray(body)) return ['the body is no list of [pop, ms or null, …]'];
  if (body.length > ROWS_MAX) return [`${body.length} POPs: at most ${ROWS_MAX}`];
  const seen = new Set<unknown>();
  return body.flatMap((row: unknown, i) => {
    if (!Array.isArray(row)) return [`[${i}]: is no list of [pop, ms or null, …]`];
    const [pop, ...times] = row as unknown[];
    const faults = times.flatMap((ms, k) => (isTime(ms) ? [] : [`[${i}][${k + 1}]: is no time in ms`]));
    if (typeof pop !== 'string' || !codes.has(pop)) faults.unshift(`[${i}][0]: is no POP`);
    else if (seen.has(pop)) faults.unshift(`[${i}][0]: ${pop} stands twice`);
    if (times.length > TIMES_MAX) faults.push(`[${i}]: ${times.length} times: at most ${TIMES_MAX}`);
    seen.add(pop);
    return faults;
  });
}

function isTime(value: unknown): boolean {
  return value === null || (typeof value === 'number' && value > 0 && value <= RTT_MAX_MS);
}
