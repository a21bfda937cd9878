import type { Store } from '../store/store.ts';
import type { AdminApiParts } from './admin-api.ts';

/** Packed estimates of a client's cells: from this process, where they are kept here, else from the store. */
export function packedFrom(options: {
  readonly store: Store;
  readonly packed?: (key: string) => Uint8Array | undefined;
}): AdminApiParts['packed'] {
  const { store, packed } = options;
  const find = async (key: string | undefined): Promise<Uint8Array | undefined> => {
    if (key === undefined) return undefined;
    if (packed !== undefined) return packed(key);
    // With the store away the explanation rests on geography alone, and its sources say so.
    return store.estimate(key).catch(() => undefined);
  };
  return async (keys) => {
    const [place, network, leaf] = await Promise.all([find(keys.place), find(keys.network), find(keys.leaf)]);
    return { place, network, leaf };
  };
}
