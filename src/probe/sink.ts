import type { Store } from '../store/store.ts';

/**
 * Where an agent's findings go, and where it hears what is wanted: the store itself, or whatever carries the
 * same to a store elsewhere. A call that fails rejects with a `StoreError`; what each means, `Store` says.
 */
export type Sink = Pick<
  Store,
  'appendSamples' | 'putReport' | 'putDemand' | 'putHealth' | 'takeTargets' | 'onChange' | 'state' | 'close'
>;
