import type { Fleet } from '../base/fleet.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import type { MadeImage } from './made-image.ts';

/** Hands images and estimates to the store; one at a time, the newest first. */
export interface Publisher {
  /** The published image, or `none` that could be used here; `away`: the store cannot say. Never rejects. */
  readonly newest: () => Promise<SteeringImage | 'none' | 'away'>;
  /** Epochs go on after this one. */
  readonly startAfter: (epoch: number) => void;
  readonly nextEpoch: () => number;
  /**
   * Publishes in the background; an image that the store did not take is tried again by `retry`, unless a
   * newer came.
   */
  readonly publish: (image: MadeImage) => void;
  readonly retry: () => void;
  /** Whether the store took the estimates. Never rejects. */
  readonly save: (estimates: ReadonlyMap<string, Uint8Array>) => Promise<boolean>;
  readonly failures: () => number;
}

/** A publisher for one cluster. */
export function createPublisher(options: {
  store: Store;
  fleet: Fleet;
  placesDigest: number;
  log: (message: string) => void;
}): Publisher {
  const { store, fleet, placesDigest, log } = options;
  let epoch = 0;
  let waiting: MadeImage | undefined;
  let isBusy = false;
  let failures = 0;
  const send = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    try {
      while (waiting !== undefined) {
        const image = waiting;
        const taken = await store.publishImage({ epoch: image.epoch, bytes: Uint8Array.from(image.bytes) });
        if (!taken) await overtaken();
        if (waiting === image) waiting = undefined;
      }
    } catch {
      failures++;
    } finally {
      isBusy = false;
    }
  };
  /** The store has a later epoch, of a controller before this one: go on after it. */
  const overtaken = async (): Promise<void> => {
    const published = await store.imageEpoch();
    if (published <= epoch) return;
    log(`the store has epoch ${published}, ours is ${epoch}: going on after it`);
    epoch = published;
  };
  return {
    newest: async () => {
      try {
        const published = await store.image();
        if (published === undefined) return 'none';
        epoch = Math.max(epoch, published.epoch);
        const image = openImage(published.bytes, { fleetDigest: fleet.digest, placesDigest });
        if (typeof image !== 'string') return image;
        log(`the published table is of no use here: ${image}`);
        return 'none';
      } catch {
        failures++;
        return 'away';
      }
    },
    startAfter: (last) => {
      epoch = Math.max(epoch, last);
    },
    nextEpoch: () => ++epoch,
    publish: (image) => {
      waiting = image;
      void send();
    },
    retry: () => void send(),
    save: async (estimates) => {
      try {
        await store.putEstimates(estimates);
        return true;
      } catch {
        failures++;
        return false;
      }
    },
    failures: () => failures,
  };
}
