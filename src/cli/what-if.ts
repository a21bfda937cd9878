import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import type { WhatIfView } from '../console/api-what-if.ts';
import { networkFinder } from '../control/locate-networks.ts';
import { emptyLocated } from '../geo/client-image.ts';
import type { Locator } from '../geo/locator.ts';
import type { ForesightGround, KnownWorld, SavedCell } from '../replay/foresee.ts';
import { cellKeysOf } from '../replay/rtt.ts';
import type { WhatIf } from '../replay/what-if.ts';
import type { DemandCell } from '../server/demand.ts';
import { describeCell } from '../steering/cells.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import type { SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { formatCount, formatShare } from './format.ts';
import type { Ground } from './ground.ts';
import { locateDemand } from './located-demand.ts';

/** What a thread is to work out. */
export interface WhatIfJob {
  readonly ground: Omit<ForesightGround, 'geometry' | 'placesDigest'>;
  readonly known: Omit<KnownWorld, 'image'>;
  /** The table in use. */
  readonly imageBytes: Uint8Array | undefined;
  readonly without: readonly string[];
}

/** What the process knows. */
export interface WhatIfParts {
  readonly ground: Ground;
  readonly store: Store;
  readonly locator: Locator;
  readonly image: () => SteeringImage | undefined;
  readonly nowMs: () => number;
  /** Who asks here, where queries are answered: for as long as no POP says who asks for what. */
  readonly queries?: () => readonly DemandCell[];
}

/** One answer takes so long at most, ms. */
const ANSWER_MS = 120_000;
/** Answers that wait for their turn at a time. */
const WAITING_MAX = 4;
/** The same question gets the same answer for so long, ms. */
const KEPT_MS = 5_000;
/** Networks and estimates looked at before others get their turn. */
const SLICE = 2_000;

/**
 * Answers what would happen without POPs, one question after the other, each in a thread of its own that ends
 * with it. Rejects with `OperatorError`; undefined: too many wait.
 */
export function createWhatIf(
  parts: WhatIfParts,
): (without: readonly string[]) => Promise<WhatIfView | undefined> {
  const kept = new Map<string, { readonly view: Promise<WhatIfView>; readonly untilMs: number }>();
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return async (without) => {
    const codes = [...new Set(without)].sort();
    const key = codes.join(' ');
    const nowMs = performance.now();
    for (const [old, { untilMs }] of kept) if (untilMs < nowMs) kept.delete(old);
    const known = kept.get(key);
    if (known !== undefined) return known.view;
    if (waiting >= WAITING_MAX) return undefined;
    waiting++;
    const view = last.then(() => answer(parts, codes)).finally(() => waiting--);
    last = view.catch(() => undefined);
    kept.set(key, { view, untilMs: Number.POSITIVE_INFINITY });
    const keep = (): unknown => kept.set(key, { view, untilMs: performance.now() + KEPT_MS });
    view.then(keep, () => kept.delete(key));
    return view;
  };
}

async function answer(parts: WhatIfParts, without: readonly string[]): Promise<WhatIfView> {
  const { ground, nowMs } = parts;
  const { config, groups, policyNetworks, places, popState } = ground;
  const { demand, source } = await demandNow(parts);
  const image = parts.image();
  const estimates = await estimatesOf(parts, demand);
  const overrides = config.fleet.pops
    .filter(({ index }) => Atomics.load(popState, index) !== 0)
    .map(({ code }) => ({ pop: code, reason: 'out now' }));
  const found = await work({
    ground: { fleet: config.fleet, groups, params: config.steering, networks: policyNetworks },
    known: { nowMs: nowMs(), estimates, demand, overrides },
    imageBytes: image?.bytes,
    without,
  });
  return viewOf(found, { ground, source, epoch: image?.epoch, cells: estimates.length, places });
}

/** What POPs say of who asks for what; else what is asked of this name server. */
async function demandNow(
  parts: WhatIfParts,
): Promise<{ readonly demand: readonly LocatedDemand[]; readonly source: string }> {
  const { ground, store, locator, queries } = parts;
  const { config, groupOf } = ground;
  const reported = await store.demand();
  const demand: LocatedDemand[] = [];
  if (reported.length > 0) {
    const find = networkFinder(locator);
    const groupOfService = new Map(config.services.map(({ name }, i) => [name, groupOf[i] ?? -1]));
    for (const [i, { network, rps, service = '' }] of reported.entries()) {
      if (i % SLICE === SLICE - 1) await nextTurn();
      const located = find(network);
      if (located.placeId >= 0) demand.push({ ...located, rps, group: groupOfService.get(service) ?? -1 });
    }
    return { demand, source: 'the demand that the POPs report' };
  }
  for (const cell of queries?.() ?? []) {
    const located = locateDemand(locator, cell, emptyLocated());
    const group = groupOf[cell.serviceIndex];
    if (group !== undefined) demand.push({ ...located, rps: cell.qps, group });
  }
  if (demand.length === 0) {
    const message = 'nobody is known to ask for anything yet: no POP reports demand, and no query came';
    throw new OperatorError('not-found', [{ file: 'demand', message }]);
  }
  return { demand, source: 'the queries of the last ten seconds here, each taken for one request' };
}

/** The estimates of the cells of those who ask. */
async function estimatesOf(
  { ground, store, locator }: WhatIfParts,
  demand: readonly LocatedDemand[],
): Promise<SavedCell[]> {
  const wanted = new Set(demand.flatMap((one) => cellKeysOf(ground.places, one)));
  const found: SavedCell[] = [];
  const located = emptyLocated();
  let looked = 0;
  for await (const [key, packed] of store.allEstimates()) {
    if (++looked % SLICE === 0) await nextTurn();
    if (!wanted.has(key)) continue;
    const prefix = parsePrefix(key);
    if (typeof prefix === 'string') found.push({ key, packed });
    else {
      locator.locate(prefix.address, located);
      found.push({ key, packed, at: { placeId: located.placeId, asn: located.asn } });
    }
  }
  return found;
}

/** Has a thread work; it is ended when it takes too long. */
function work(job: WhatIfJob): Promise<WhatIf> {
  const worker = new Worker(new URL('what-if-thread.ts', import.meta.url), {
    workerData: job,
    name: 'what-if',
  });
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`what if: no answer within ${ANSWER_MS / 1000} s`));
      void worker.terminate();
    }, ANSWER_MS);
    // The thread's only message.
    worker.once('message', (found: WhatIf) => resolve(found));
    worker.once('error', reject);
    worker.once('exit', () => {
      clearTimeout(late);
      reject(new Error('the thread that works it out ended without an answer'));
    });
    worker.unref();
  });
}

function viewOf(
  found: WhatIf,
  from: {
    readonly ground: Ground;
    readonly source: string;
    readonly epoch: number | undefined;
    readonly cells: number;
    readonly places: Ground['places'];
  },
): WhatIfView {
  const { epoch, source, places, cells } = from;
  const table = epoch === undefined ? 'from nothing decided before' : `from the table of epoch ${epoch}`;
  const rest = found.isSettled
    ? `at rest after ${found.ticks} ticks`
    : `not at rest after ${found.ticks} ticks`;
  const basis =
    `modelled: decided anew by the production engine, ${table}, with ${source} ` +
    `(${formatCount(found.cells)} networks and services) and the estimates of ${formatCount(cells)} cells, ` +
    `which say something of ${formatShare(found.measured)} of the demand; ${rest}. ` +
    'Congestion and loss of the moment are left out.';
  const { without, demandMoved, cellsMoved, rttChangeMs, worst, pops, overCapacity } = found;
  return {
    without,
    basis,
    demandMoved,
    cellsMoved,
    cells: found.cells,
    rttChangeMs,
    worst: worst.map(({ placeId, asn, fromPop, toPop, fromMs, toMs, share }) => {
      return { place: describeCell(places, placeId, asn).label, fromPop, toPop, fromMs, toMs, share };
    }),
    pops,
    overCapacity,
  };
}
