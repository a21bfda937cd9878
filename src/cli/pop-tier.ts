import { availableParallelism } from 'node:os';
import { type CounterSnapshot, sumOfSnapshots } from '../base/counters.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Pop } from '../base/fleet.ts';
import type { Config } from '../config/config.ts';
import type { Places } from '../geo/places.ts';
import type { PathPattern } from '../pop/l2/object-store.ts';
import { IDLE, type PopLoad } from '../pop/load.ts';
import { openAccessLog } from './access-log-file.ts';
import type { CloseLater } from './long-running.ts';
import { type PopThread, startPopThread } from './pop-care.ts';
import type { PopAnswer, PopQuestion, PopThreadData } from './pop-messages.ts';

/** The POPs of this process, in threads of their own: whatever clients do to them, this thread goes on. */
export interface PopTier {
  /** How many addresses are listened on when all POPs are up. */
  readonly addressCount: number;
  readonly threads: number;
  /** Takes a POP down (its addresses refuse, its connections are cut) or up again. */
  readonly setUp: (popIndex: number, up: boolean) => Promise<void>;
  /** Drops what matches from all caches of all POPs and regions; gives the number of keys. */
  readonly invalidate: (wanted: PathPattern) => Promise<number>;
  /** What the POP's real clients ask of it, as told last. */
  readonly load: (popIndex: number) => PopLoad & { readonly connections: number };
  /** Lets requests that are under way end, for so long at most, ms. */
  readonly finish: (graceMs: number) => Promise<void>;
  /** Of all threads together, as told last: for `/metrics`. */
  readonly counters: () => CounterSnapshot;
  /** Regions of the origins of distributions that nobody configured, by the origin's name. */
  readonly builtInRegions: Readonly<Record<string, string>>;
}

/** What `startPopTier` needs. */
export interface PopTierOptions
  extends Omit<PopThreadData, 'config' | 'only' | 'beaconScript' | 'explains' | 'where'> {
  readonly config: Config;
  /** POPs that are served from here; absent: all. */
  readonly only?: readonly Pop[];
  readonly beaconScript?: string | undefined;
  /** Threads where the configuration says nothing. */
  readonly threads?: number;
  /** What threads cannot know; absent: nobody does. */
  readonly answer?: (question: PopQuestion) => PopAnswer;
  /** The client image in use now, where clients are located; and the places that it speaks of. */
  readonly clients: () => Uint8Array | undefined;
  readonly places: Pick<Places, 'country' | 'digest'>;
  readonly log: (line: string) => void;
  readonly closeLater: CloseLater;
}

/** How often it is looked whether there is another client image, ms. */
const LOOK_EVERY_MS = 1_000;

/** Starts the threads; resolves when all POPs listen. Throws `OperatorError` with all that is wrong. */
export async function startPopTier(options: PopTierOptions): Promise<PopTier> {
  const { config, closeLater, clients, log } = options;
  const { accessLog } = config.edge.tier;
  // Whether it can be written, and its head, are not for several threads to find out.
  if (accessLog !== undefined) await (await openAccessLog(accessLog, log)).close();
  const threads = dataOf(options).map((data) =>
    startPopThread(data, { answer: options.answer ?? (() => undefined), log }),
  );
  closeLater(async () => {
    await Promise.all(threads.map((thread) => thread.close()));
  });
  const opened = await openAll(threads);
  if (locatesClients(config)) closeLater(watchClients(clients, threads));
  const threadOf = new Map(
    partsOf(options).flatMap((pops, at) => pops.map(({ index }) => [index, threads[at] as PopThread])),
  );
  return {
    addressCount: opened.reduce((sum, { addressCount }) => sum + addressCount, 0),
    threads: threads.length,
    builtInRegions: opened[0]?.builtInRegions ?? {},
    setUp: async (popIndex, up) => {
      await threadOf.get(popIndex)?.order({ name: 'set-up', popIndex, up });
    },
    invalidate: async (wanted) => {
      const dropped = await Promise.all(threads.map((one) => one.order({ name: 'invalidate', wanted })));
      return dropped.reduce((sum, count) => sum + count, 0);
    },
    load: (popIndex) => {
      const thread = threadOf.get(popIndex);
      const connections = thread?.connections(popIndex) ?? 0;
      return { ...IDLE, ...thread?.load(popIndex), connections };
    },
    finish: async (graceMs) => {
      const orders = threads.map((thread) => thread.order({ name: 'finish', graceMs }));
      await Promise.allSettled(orders);
    },
    counters: () => sumOfSnapshots(threads.map((thread) => thread.counters())),
  };
}

/** What each thread starts with. */
function dataOf(options: PopTierOptions): readonly PopThreadData[] {
  const { config, clients, places } = options;
  const { fleet, edge, security, services } = config;
  const { anyAddress, port, certificate, beaconScript, believesClients, popState, answer } = options;
  const image = locatesClients(config) ? clients() : undefined;
  const where = image && { clients: image, placesDigest: places.digest, country: places.country };
  return partsOf(options).map((pops) => ({
    config: { fleet, edge, security, services },
    only: pops.map(({ index }) => index),
    anyAddress,
    port,
    certificate,
    beaconScript,
    believesClients,
    explains: answer !== undefined,
    popState,
    where,
  }));
}

/**
 * The POPs of each thread. POPs of one region are together, as their cache behind L2 is one; all are, where
 * there is a shield, which is one for all.
 */
function partsOf({ config, only, threads }: PopTierOptions): readonly (readonly Pop[])[] {
  const { fleet, edge } = config;
  const hasShield = Object.values(edge.distributions).some(({ shield }) => shield !== undefined);
  const wanted = edge.tier.threads ?? threads ?? availableParallelism();
  const regions = [...Map.groupBy(only ?? fleet.pops, ({ region }) => region).values()];
  const count = hasShield ? 1 : Math.max(1, Math.min(wanted, regions.length));
  const parts = Array.from({ length: count }, () => ({ rps: 0, pops: [] as Pop[] }));
  const rpsOf = (pops: readonly Pop[]) => pops.reduce((sum, { capacityRps }) => sum + capacityRps, 0);
  for (const pops of regions.toSorted((one, other) => rpsOf(other) - rpsOf(one))) {
    const least = parts.reduce((best, part) => (part.rps < best.rps ? part : best));
    least.rps += rpsOf(pops);
    least.pops.push(...pops);
  }
  return parts.map(({ pops }) => pops);
}

/** Whether any step of the configuration asks where clients are. */
export function locatesClients({ edge }: Pick<Config, 'edge'>): boolean {
  return Object.values(edge.distributions).some(
    ({ webAcl, geoRestriction }) => webAcl !== undefined || geoRestriction !== undefined,
  );
}

/** Waits for all; what several refuse is told together. */
async function openAll(threads: readonly PopThread[]) {
  const results = await Promise.allSettled(threads.map((thread) => thread.opened));
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  const other = reasons.find((reason) => !(reason instanceof OperatorError));
  if (other !== undefined) throw other;
  const [first, ...more] = reasons as OperatorError[];
  if (first !== undefined) {
    const problems = new Map<string, Problem>();
    for (const problem of [first, ...more].flatMap((reason) => reason.problems))
      problems.set(JSON.stringify(problem), problem);
    throw new OperatorError(first.code, [...problems.values()]);
  }
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

function watchClients(clients: () => Uint8Array | undefined, threads: readonly PopThread[]): () => void {
  let known = clients();
  const timer = setInterval(() => {
    const now = clients();
    if (now === known || now === undefined) return;
    known = now;
    for (const thread of threads) thread.setClients(now);
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
