import type { Clock } from '../base/clock.ts';
import { ESTIMATES_EXPIRY_MS } from './bounds.ts';

/** Packed estimates by cell key; what is not put again goes. */
export interface MemoryEstimates {
  readonly put: (estimates: ReadonlyMap<string, Uint8Array>) => void;
  readonly get: (cell: string) => Uint8Array | undefined;
  readonly all: () => Iterable<readonly [cell: string, packed: Uint8Array]>;
}

/** Empty. */
export function createMemoryEstimates(clock: Clock, expiryMs = ESTIMATES_EXPIRY_MS): MemoryEstimates {
  /** The longest unsaved first. */
  const saved = new Map<string, { readonly atMs: number; readonly packed: Uint8Array }>();
  const dropOld = (): void => {
    const oldestMs = clock.nowMs() - expiryMs;
    for (const [cell, { atMs }] of saved) {
      if (atMs >= oldestMs) return;
      saved.delete(cell);
    }
  };
  return {
    put: (estimates) => {
      const atMs = clock.nowMs();
      for (const [cell, packed] of estimates) {
        saved.delete(cell);
        saved.set(cell, { atMs, packed: new Uint8Array(packed) });
      }
      dropOld();
    },
    get: (cell) => {
      dropOld();
      return saved.get(cell)?.packed;
    },
    *all() {
      dropOld();
      for (const [cell, { packed }] of saved) yield [cell, packed] as const;
    },
  };
}
