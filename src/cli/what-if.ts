import { setImmediate as nextTurn } from 'node:timers/promises';
import { parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { WhatIfView } from '../console/api-what-if.ts';
import { networkFinder } from '../control/locate-networks.ts';
import { emptyLocated } from '../geo/client-image.ts';
import type { Locator } from '../geo/locator.ts';
import type { LoadRange } from '../replay/draws.ts';
import type { SavedCell } from '../replay/foresee.ts';
import { cellKeysOf } from '../replay/rtt.ts';
import type { WhatIf } from '../replay/what-if.ts';
import type { DemandCell } from '../server/demand.ts';
import { describeCell } from '../steering/cells.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import type { SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { formatCount, formatShare, formatSpan } from './format.ts';
import type { Ground } from './ground.ts';
import { locateDemand } from './located-demand.ts';
import { createWhatIfWorker, type WhatIfWorker } from './what-if-worker.ts';

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

/** Answers that wait for their turn at a time. */
const WAITING_MAX = 4;
/** The same question gets the same answer for so long, ms. */
const KEPT_MS = 5_000;
/** A world that was brought to rest ahead is good for so long, ms, while the same POPs are out. */
const AHEAD_GOOD_MS = 60_000;
/** One is brought to rest ahead at most so often, ms, and for a twentieth of the time. */
const AHEAD_EVERY_MS = 20_000;
const AHEAD_SHARE = 1 / 20;
/** A world that is so old is told to be, ms. */
const AGE_TOLD_MS = 10_000;
/** Networks and estimates looked at before others get their turn. */
const SLICE = 2_000;

/** Answers what would happen without POPs. */
export interface WhatIfs {
  /**
   * One question after the other. `isPlain`: as soon as it is known, without how sure it is. Rejects with
   * `OperatorError`; undefined: too many wait.
   */
  readonly whatIf: (without: readonly string[], isPlain?: boolean) => Promise<WhatIfView | undefined>;
  /**
   * Somebody is about to ask: what all questions begin with is worked out now, unless that was done just
   * before. Never fails.
   */
  readonly whatIfAhead: () => void;
}

/** An answer, and the same with how sure it is. */
interface Answer {
  readonly plain: Promise<WhatIfView>;
  readonly whole: Promise<WhatIfView>;
}

/** A world in the thread that waits for its question, and what it is told with. */
interface Waiting {
  readonly atMs: number;
  readonly stamp: string;
  readonly source: string;
  readonly epoch: number | undefined;
  readonly cells: number;
}

/** Nothing is worked out before somebody asks, or is about to. */
export function createWhatIf(parts: WhatIfParts): WhatIfs {
  const kept = new Map<string, Answer & { readonly untilMs: number }>();
  const { config, groups, policyNetworks: networks, popState } = parts.ground;
  const worker = createWhatIfWorker({ fleet: config.fleet, groups, params: config.steering, networks });
  let last: Promise<unknown> = Promise.resolve();
  let present = 0;
  let world: Waiting | undefined;
  let nextAheadMs = 0;
  const isGood = (): boolean =>
    world !== undefined &&
    worker.isAlive() &&
    world.stamp === popState.join() &&
    performance.now() - world.atMs < AHEAD_GOOD_MS;
  const prepare = async (): Promise<void> => {
    world = undefined;
    world = await bringToRest(parts, worker);
  };
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    present++;
    const done = last.then(work).finally(() => present--);
    last = done.catch(() => undefined);
    return done;
  };
  const answer = (without: readonly string[]): Answer => {
    const plain = Promise.withResolvers<WhatIfView>();
    const whole = inTurn(async () => {
      if (!isGood()) await prepare();
      const from = must(world, 'a world at rest');
      world = undefined;
      worker.send({ kind: 'question', without });
      const ranged = worker.next('ranges');
      ranged.catch(() => undefined);
      const { found } = await worker.next('found');
      const { places } = parts.ground;
      plain.resolve(viewOf(found, { ...from, places }));
      return viewOf(found, { ...from, places, ranges: (await ranged).ranges });
    });
    whole.catch(plain.reject);
    plain.promise.catch(() => undefined);
    return { plain: plain.promise, whole };
  };
  return {
    whatIf: async (without, isPlain = false) => {
      const codes = [...new Set(without)].sort();
      const key = codes.join(' ');
      const nowMs = performance.now();
      for (const [old, { untilMs }] of kept) if (untilMs < nowMs) kept.delete(old);
      let found: Answer | undefined = kept.get(key);
      if (found === undefined) {
        if (present >= WAITING_MAX) return undefined;
        const made = answer(codes);
        found = made;
        kept.set(key, { ...made, untilMs: Number.POSITIVE_INFINITY });
        const keep = (): unknown => kept.set(key, { ...made, untilMs: performance.now() + KEPT_MS });
        made.whole.then(keep, () => kept.delete(key));
      }
      return isPlain ? found.plain : found.whole;
    },
    whatIfAhead: () => {
      const nowMs = performance.now();
      if (present > 0 || nowMs < nextAheadMs || (isGood() && nowMs - (world?.atMs ?? 0) < AHEAD_EVERY_MS))
        return;
      const done = (): void => {
        const doneMs = performance.now();
        nextAheadMs = Math.max(nowMs + AHEAD_EVERY_MS, doneMs + (doneMs - nowMs) / AHEAD_SHARE);
      };
      inTurn(prepare).then(done, done);
    },
  };
}

async function bringToRest(parts: WhatIfParts, worker: WhatIfWorker): Promise<Waiting> {
  const { ground, nowMs } = parts;
  const { config, popState } = ground;
  const stamp = popState.join();
  const { demand, source } = await demandNow(parts);
  const image = parts.image();
  const estimates = await estimatesOf(parts, demand);
  const overrides = config.fleet.pops
    .filter(({ index }) => Atomics.load(popState, index) !== 0)
    .map(({ code }) => ({ pop: code, reason: 'out now' }));
  const known = { nowMs: nowMs(), estimates, demand, overrides };
  const atMs = performance.now();
  worker.send({ kind: 'world', known, imageBytes: image?.bytes });
  await worker.next('at-rest');
  return { atMs, stamp, source, epoch: image?.epoch, cells: estimates.length };
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

function viewOf(
  found: WhatIf,
  from: Waiting & { readonly places: Ground['places']; readonly ranges?: readonly LoadRange[] },
): WhatIfView {
  const { epoch, source, places, cells, ranges } = from;
  const ageMs = performance.now() - from.atMs;
  const age = ageMs < AGE_TOLD_MS ? '' : ` As it was ${formatSpan(ageMs)} ago.`;
  const table = epoch === undefined ? 'from nothing decided before' : `from the table of epoch ${epoch}`;
  const rest = found.isSettled
    ? `at rest after ${found.ticks} ticks`
    : `not at rest after ${found.ticks} ticks`;
  const basis =
    `modelled: decided anew by the production engine, ${table}, with ${source} ` +
    `(${formatCount(found.cells)} networks and services) and the estimates of ${formatCount(cells)} cells, ` +
    `which say something of ${formatShare(found.measured)} of the demand; ${rest}. ` +
    `Congestion and loss of the moment are left out.${age}`;
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
    pops: pops.map((pop, i) => ({ ...pop, ...ranges?.[i] })),
    overCapacity,
  };
}
