/** What is kept in a store, and how much of it at most. */

/** A POP report or demand list older than this is gone. */
export const REPORT_EXPIRY_MS = 15_000;
/** What a prober saw longer ago than this is gone. */
export const HEALTH_EXPIRY_MS = 5_000;
/** POPs in one prober's view at most. */
export const HEALTH_VIEWS_MAX = 4_096;
/** Sample batches of one POP that are kept at most. */
export const SAMPLE_BATCHES_KEPT = 1_000;
/** Octets of one POP's sample batches that are kept at most, about. */
export const SAMPLE_OCTETS_KEPT = 1 << 21;
/** Sample batches older than this go, ms. */
export const SAMPLES_KEPT_MS = 120_000;
/** Samples in one batch at most. */
export const BATCH_SAMPLES_MAX = 1_024;
/** Estimates that nobody saves for this long are gone: a week. */
export const ESTIMATES_EXPIRY_MS = 7 * 86_400_000;
/** Demand entries of one POP at most. */
export const DEMAND_ENTRIES_MAX = 20_000;
/** Networks that one POP is given to measure at most. */
export const TARGETS_MAX = 10_000;
/** A list of networks to measure that nobody took by then is gone. */
export const TARGETS_EXPIRY_MS = 5_000;
/** Invalidations that are kept for POPs that were away; who missed older ones empties its caches. */
export const INVALIDATIONS_KEPT = 1_000;
