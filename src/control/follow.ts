import type { Clock } from '../base/clock.ts';
import type { Fleet } from '../base/fleet.ts';
import { activeOverrides } from '../steering/fleet-state.ts';
import type { SteeringImage } from '../steering/image.ts';
import { type Maintenance, withMaintenance } from '../steering/maintenance.ts';
import { decodeTerms } from '../steering/terms.ts';
import type { Override, Store } from '../store/store.ts';
import { type PopWords, toldBy } from './pop-words.ts';
import { readImage, type SharedImage } from './read-image.ts';

/** What a bare name server follows with. */
export interface FollowOptions {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly placesDigest: number;
  readonly clock: Clock;
  /** Words that every serving thread reads; told here. */
  readonly words: PopWords;
  /** Drains by the configuration's windows. */
  readonly maintenance: Maintenance;
  /** The image that is answered from already; absent: none. */
  readonly initial?: SteeringImage | undefined;
  /** Time between two looks without a nudge. */
  readonly pollMs?: number;
  /** A newer image, whole and made for this fleet and these places. */
  readonly onImage: (image: SharedImage) => void;
  readonly log: (message: string) => void;
}

/** Figures since the start. */
export interface FollowStats {
  readonly taken: number;
  /** Images that were older, damaged, or made for others. */
  readonly refused: number;
  readonly storeFailures: number;
}

/** A running follower. */
export interface Follow {
  readonly stats: () => FollowStats;
  /** Looks now; resolves when done. Never rejects. */
  readonly lookNow: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const POLL_MS = 1000;

/** Takes images and overrides from the store as they come, by nudge and by looking each second. */
export function startFollow(options: FollowOptions): Follow {
  const { store, pollMs = POLL_MS } = options;
  const look = createLook(options);
  let current = Promise.resolve();
  let closed = false;
  const lookNow = (): Promise<void> => {
    if (!closed) current = current.then(look.all);
    return current;
  };
  const stopListening = store.onChange((topic) => {
    if (topic === 'image' || topic === 'overrides') void lookNow();
  });
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    void lookNow().then(() => {
      if (!closed) timer = setTimeout(poll, pollMs);
    });
  };
  timer = setTimeout(poll, 0);
  return {
    stats: look.stats,
    lookNow,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      stopListening();
      await current;
    },
  };
}

function createLook(options: FollowOptions): { all: () => Promise<void>; stats: () => FollowStats } {
  const { store, fleet, placesDigest, clock, words, maintenance, log } = options;
  let inUse = options.initial === undefined ? undefined : stampOf(options.initial);
  let refusedEpoch = -1;
  let refusedFault = '';
  let overrides: readonly Override[] = [];
  const stats = { taken: 0, refused: 0, storeFailures: 0 };
  const take = (published: { epoch: number; bytes: Uint8Array }): void => {
    const image = readImage(published.bytes, { fleet, placesDigest });
    const fault =
      typeof image === 'string' ? image : isOlder(image, inUse) ? 'older than the one in use' : '';
    if (typeof image === 'string' || fault !== '') {
      // Of another version they come all the time while machines are upgraded: said once.
      if (refusedFault !== fault) log(`the published table ${published.epoch} is refused: ${fault}`);
      refusedEpoch = published.epoch;
      refusedFault = fault;
      stats.refused++;
      return;
    }
    inUse = stampOf(image);
    refusedFault = '';
    stats.taken++;
    words.setTold(toldBy(decodeTerms(image.termsText).pops));
    options.onImage(image);
  };
  const lookForImage = async (): Promise<void> => {
    const epoch = await store.imageEpoch();
    if (epoch === 0 || epoch === inUse?.epoch || epoch === refusedEpoch) return;
    const published = await store.image();
    if (published !== undefined) take(published);
  };
  const lookForOverrides = async (): Promise<void> => {
    overrides = await store.overrides();
  };
  return {
    stats: () => ({ ...stats }),
    all: async () => {
      for (const outcome of await Promise.allSettled([lookForOverrides(), lookForImage()]))
        if (outcome.status === 'rejected') stats.storeFailures++;
      // Also when the store is away: an override ends by the clock.
      const nowMs = clock.nowMs();
      words.setDrained(activeOverrides(withMaintenance(overrides, maintenance.drains(nowMs)), nowMs));
    },
  };
}

interface Stamp {
  readonly epoch: number;
  readonly madeAtMs: number;
}

function stampOf(image: SteeringImage): Stamp {
  return { epoch: image.epoch, madeAtMs: image.madeAtMs };
}

/**
 * Not later in epoch nor in time: a store that lost its data starts its epochs anew, and must still be
 * followed.
 */
function isOlder(image: Stamp, inUse: Stamp | undefined): boolean {
  return inUse !== undefined && image.epoch <= inUse.epoch && image.madeAtMs <= inUse.madeAtMs;
}
