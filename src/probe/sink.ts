import type { Store } from '../store/store.ts';

/**
 * Where an agent's findings go, and where it hears what is wanted: the store itself, or whatever carries the
 * same to a store elsewhere. A call that fails rejects with a `StoreError`; what each means, `Store` says.
 */
export type Sink = Pick<
  Store,
  | 'appendSamples'
  | 'putReport'
  | 'putDemand'
  | 'putHealth'
  | 'takeTargets'
  | 'clockSkew'
  | 'onChange'
  | 'state'
  | 'close'
>;

/**
 * A time of ours by the store's clock, ms since 1970, as far as the difference is known better than it is
 * large: whoever reads what several agents wrote then sees one clock.
 */
export function storeTimeMs(sink: Pick<Sink, 'clockSkew'>, atMs: number): number {
  const { skewMs, errorMs } = sink.clockSkew() ?? { skewMs: 0, errorMs: 0 };
  return Math.abs(skewMs) > errorMs ? Math.round(atMs + skewMs) : atMs;
}
