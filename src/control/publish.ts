import type { Fleet } from '../base/fleet.ts';
import { FencedError, type Store } from '../store/store.ts';
import type { MadeImage } from './made-image.ts';
import { readImage, type SharedImage } from './read-image.ts';

/** Hands images and estimates to the store; one at a time, the newest first. */
export interface Publisher {
  /**
   * The published image; undefined: none that could be used here. Epochs go
   * on after it in any case. Rejects with `StoreError`.
   */
  readonly newest: () => Promise<SharedImage | undefined>;
  /** Epochs go on after this one. */
  readonly startAfter: (epoch: number) => void;
  readonly nextEpoch: () => number;
  readonly lastEpoch: () => number;
  /**
   * Publishes in the background, with the fencing token; an image that the store did not take is tried again
   * by `retry`, unless a newer came or it was fenced off.
   */
  readonly publish: (image: MadeImage, fence: number) => void;
  readonly retry: () => void;
  /** Whether the store took the estimates. Never rejects. */
  readonly save: (estimates: ReadonlyMap<string, Uint8Array>, fence: number) => Promise<boolean>;
  /** Counts a call to the store that failed, and tells if it was fenced off. */
  readonly noteFailure: (error: unknown) => void;
  readonly failures: () => number;
}

/** A publisher for one cluster. */
export function createPublisher(options: {
  store: Store;
  fleet: Fleet;
  placesDigest: number;
  /** The store refused a write because of its token: another leads. */
  onFenced: (error: FencedError) => void;
  log: (message: string) => void;
}): Publisher {
  const { store, fleet, placesDigest, log } = options;
  let epoch = 0;
  let waiting: { image: MadeImage; fence: number } | undefined;
  let isBusy = false;
  let failures = 0;
  let saidFault = '';
  const noteFailure = (error: unknown): void => {
    failures++;
    if (error instanceof FencedError) options.onFenced(error);
  };
  const send = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    let sent = waiting;
    try {
      while (waiting !== undefined) {
        sent = waiting;
        const { epoch: number, bytes } = sent.image;
        const taken = await store.publishImage({ epoch: number, bytes: Uint8Array.from(bytes) }, sent.fence);
        if (!taken) await overtaken();
        if (waiting === sent) waiting = undefined;
      }
    } catch (error) {
      // Its token does not come back.
      if (error instanceof FencedError && waiting === sent) waiting = undefined;
      noteFailure(error);
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
      const published = await store.image();
      if (published === undefined) return undefined;
      epoch = Math.max(epoch, published.epoch);
      const image = readImage(published.bytes, { fleet, placesDigest });
      const fault = typeof image === 'string' ? image : '';
      if (fault !== '' && fault !== saidFault) log(`the published table is of no use here: ${fault}`);
      saidFault = fault;
      return typeof image === 'string' ? undefined : image;
    },
    startAfter: (last) => {
      epoch = Math.max(epoch, last);
    },
    nextEpoch: () => ++epoch,
    lastEpoch: () => epoch,
    publish: (image, fence) => {
      waiting = { image, fence };
      void send();
    },
    retry: () => void send(),
    save: async (estimates, fence) => {
      try {
        await store.putEstimates(estimates, fence);
        return true;
      } catch (error) {
        noteFailure(error);
        return false;
      }
    },
    noteFailure,
    failures: () => failures,
  };
}
