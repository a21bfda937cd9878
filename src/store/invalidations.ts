/** What is to be dropped from the caches of all POPs. */
export interface Invalidation {
  /** A path with its query, or with a trailing `*` all that begin so. */
  readonly pattern: string;
  /** Of this distribution; absent: of all. */
  readonly distribution?: string;
}

/** Invalidations that a reader had not seen yet. */
export interface NewInvalidations {
  /** In order; at most `INVALIDATIONS_KEPT`. */
  readonly invalidations: readonly Invalidation[];
  /** There were others, which are gone: all may be stale. */
  readonly missed: boolean;
  /** To go on with. */
  readonly cursor: string;
}
