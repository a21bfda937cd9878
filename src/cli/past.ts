import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { networkFinder } from '../control/locate-networks.ts';
import type { Locator } from '../geo/locator.ts';
import type { Explainer } from '../steering/explain.ts';
import { type ImageSource, openImage, type SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import type { Ground } from './ground.ts';
import { createPastLog, type KeptOut } from './past-log.ts';

/** What explanations of the last hour are made from. */
export interface Past {
  /** Call it at each step of the history: keeps what is due. */
  readonly keep: () => Promise<void>;
  /**
   * The kept moment nearest to a time; `now` where that is nearer; undefined where no kept one is within a
   * minute of it.
   */
  readonly at: (atMs: number) => Promise<PastMoment | 'now' | undefined>;
  /** The first and the last that are kept, ms since 1970 UTC; undefined: none is. */
  readonly span: () => { readonly fromMs: number; readonly toMs: number } | undefined;
  /** What it takes in memory, octets. */
  readonly octets: () => number;
}

/** A moment of the past, as the decisions of then were made from it. */
export interface PastMoment {
  /** ms since 1970 UTC. */
  readonly atMs: number;
  readonly image: SteeringImage;
  /** By POP: its state word. */
  readonly popState: Int32Array;
  readonly whyOut: (pop: number) => string | undefined;
  readonly outSinceMs: (pop: number) => number | undefined;
  /** Packed estimates of a cell: undefined, nothing was measured of it; `not-kept`: nobody knows any more. */
  readonly packed: (key: string) => Uint8Array | undefined | 'not-kept';
}

/** What the past is kept from. */
export interface PastSources {
  readonly ground: Pick<Ground, 'config' | 'places' | 'popState' | 'words'>;
  readonly image: () => SteeringImage | undefined;
  readonly locator: Locator;
  readonly explainer: Pick<Explainer, 'keysOf'>;
  readonly store: Pick<Store, 'allEstimates' | 'estimate' | 'demand'>;
  /** Packed estimates by cell key, where they are made here; else the store's are kept. */
  readonly packed?: ((key: string) => Uint8Array | undefined) | undefined;
  readonly clock: Clock;
}

/** A moment is kept so often, ms, and so many are. */
const PAST_EVERY_MS = 60_000;
const MOMENTS_MAX = 60;
/** All of them take so much at most, octets: then fewer are kept. */
const OCTETS_MAX = 64 << 20;
/** A table that is longer is not kept, octets. */
const IMAGE_OCTETS_MAX = 32 << 20;
/** Cells whose estimates are kept: all, or where there are more those of the networks that ask most. */
const CELLS_MAX = 20_000;
/** Estimates that are asked for at a time, and cells looked at before others have their turn. */
const SLICE = 500;

/** Nothing is kept yet. */
export function createPast(sources: PastSources): Past {
  const { clock, image: imageNow, ground } = sources;
  const log = createPastLog({ max: MOMENTS_MAX, octetsMax: OCTETS_MAX });
  const expected = { fleetDigest: ground.config.fleet.digest, placesDigest: ground.places.digest };
  const readCells = createCellReader(sources);
  let keptAtMs = 0;
  let isKeeping = false;
  /** The one that was asked for last. */
  let opened: PastMoment | undefined;
  return {
    keep: async () => {
      const atMs = clock.nowMs();
      const image = imageNow();
      if (isKeeping || atMs - keptAtMs < PAST_EVERY_MS || image === undefined) return;
      if (image.bytes.length > IMAGE_OCTETS_MAX) return;
      [keptAtMs, isKeeping] = [atMs, true];
      try {
        // All of one moment: before anything is waited for.
        const now = { atMs, image: image.bytes, popState: ground.popState.slice(), out: outNow(ground) };
        // With the store away round-trip times are not kept, and all else is.
        const none = { cells: new Map<string, Uint8Array>(), isWhole: false };
        await log.add({ ...now, ...(await readCells(image).catch(() => none)) });
      } finally {
        isKeeping = false;
      }
    },
    at: async (atMs) => {
      const near = nearest(log.times(), atMs);
      const offNowMs = Math.abs(clock.nowMs() - atMs);
      if (offNowMs <= PAST_EVERY_MS && (near === undefined || offNowMs < Math.abs(near - atMs))) return 'now';
      if (near === undefined || near === opened?.atMs) return near === undefined ? undefined : opened;
      const parts = await log.at(near);
      opened = parts && momentOf(parts, expected);
      return opened;
    },
    span: () => {
      const times = log.times();
      const [fromMs, toMs] = [times[0], times.at(-1)];
      return fromMs === undefined || toMs === undefined ? undefined : { fromMs, toMs };
    },
    octets: log.octets,
  };
}

function nearest(times: readonly number[], atMs: number): number | undefined {
  const away = (time: number): number => Math.abs(time - atMs);
  const [near] = times.toSorted((one, other) => away(one) - away(other));
  return near !== undefined && away(near) <= PAST_EVERY_MS ? near : undefined;
}

function momentOf(
  parts: NonNullable<Awaited<ReturnType<ReturnType<typeof createPastLog>['at']>>>,
  expected: ImageSource,
): PastMoment {
  const { atMs, popState, out, cells, isWhole } = parts;
  const image = openImage(parts.image, expected);
  if (typeof image === 'string') throw new Error(`a table that was in use here is refused: ${image}`);
  return {
    atMs,
    image,
    popState,
    whyOut: (pop) => out.get(pop)?.why,
    outSinceMs: (pop) => out.get(pop)?.sinceMs,
    packed: (key) => {
      const packed = cells.get(key);
      if (packed === undefined) return isWhole ? undefined : 'not-kept';
      return packed.length === 0 ? undefined : packed;
    },
  };
}

/** Of POPs that cannot be answered: why, and since when. */
function outNow({ popState, words }: PastSources['ground']): Map<number, KeptOut> {
  const out = new Map<number, KeptOut>();
  for (const [pop, word] of popState.entries()) {
    if (word === 0) continue;
    const [why, sinceMs] = [words.whyOut(pop), words.outSinceMs(pop)];
    out.set(pop, { ...(why === undefined ? {} : { why }), ...(sinceMs === undefined ? {} : { sinceMs }) });
  }
  return out;
}

/** Reads estimates: all, until there are once more than `CELLS_MAX`; then of those who ask most. */
function createCellReader(
  sources: PastSources,
): (image: SteeringImage) => Promise<{ cells: Map<string, Uint8Array>; isWhole: boolean }> {
  const find = networkFinder(sources.locator);
  let isWhole = true;
  return async (image) => {
    if (isWhole) {
      const all = await allCells(sources);
      if (all !== undefined) return { cells: all, isWhole };
      isWhole = false;
    }
    return { cells: await heaviestCells(sources, image, find), isWhole };
  };
}

/** Undefined: there are too many. */
async function allCells({ store, packed }: PastSources): Promise<Map<string, Uint8Array> | undefined> {
  const cells = new Map<string, Uint8Array>();
  let looked = 0;
  for await (const [key, stored] of store.allEstimates()) {
    if (++looked % SLICE === 0) await nextTurn();
    cells.set(key, packed?.(key) ?? stored);
    if (cells.size > CELLS_MAX) return undefined;
  }
  return sorted(cells);
}

async function heaviestCells(
  { store, explainer, packed }: PastSources,
  image: SteeringImage,
  find: ReturnType<typeof networkFinder>,
): Promise<Map<string, Uint8Array>> {
  const demand = (await store.demand()).toSorted((one, other) => other.rps - one.rps);
  const keys = new Set<string>();
  for (const [i, { network }] of demand.entries()) {
    if (keys.size >= CELLS_MAX) break;
    if (i % SLICE === SLICE - 1) await nextTurn();
    const { placeId, asn, network: key } = find(network);
    if (placeId < 0) continue;
    for (const one of Object.values(explainer.keysOf(image, { placeId, asn, key })))
      if (one !== undefined) keys.add(one);
  }
  const wanted = [...keys];
  const cells = new Map<string, Uint8Array>();
  for (let at = 0; at < wanted.length; at += SLICE) {
    const slice = wanted.slice(at, at + SLICE);
    const found = await Promise.all(slice.map(async (key) => packed?.(key) ?? (await store.estimate(key))));
    for (const [i, key] of slice.entries()) cells.set(key, found[i] ?? new Uint8Array(0));
  }
  return sorted(cells);
}

/** In the same order each time: then their keys hardly differ from those before. */
function sorted(cells: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
  return new Map([...cells].sort(([one], [other]) => (one < other ? -1 : 1)));
}
