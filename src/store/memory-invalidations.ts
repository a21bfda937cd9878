import { assert } from '../base/assert.ts';
import { INVALIDATIONS_KEPT } from './bounds.ts';
import type { Invalidation, NewInvalidations } from './invalidations.ts';
import type {} from './store.ts';

/** The invalidations of a memory store, numbered from 0; a cursor is the number of the next. */
export interface MemoryInvalidations {
  readonly add: (invalidation: Invalidation) => void;
  readonly read: (cursor: string) => NewInvalidations;
}

/** Keeps the newest. */
export function createMemoryInvalidations(kept = INVALIDATIONS_KEPT): MemoryInvalidations {
  const newest: Invalidation[] = [];
  let count = 0;
  return {
    add: (invalidation) => {
      newest.push({ ...invalidation });
      if (newest.length > kept) newest.shift();
      count++;
    },
    read: (cursor) => {
      const from = cursor === '' ? count : Number(cursor);
      assert(Number.isInteger(from) && from <= count, `${cursor} is not a cursor of this store`);
      const oldest = count - newest.length;
      return {
        invalidations: newest.slice(Math.max(0, from - oldest)),
        missed: from < oldest,
        cursor: String(count),
      };
    },
  };
}
