/** What a store knows of the server that it is on. */

/** See `Store.clockSkew`. */
export interface ClockSkew {
  readonly skewMs: number;
  readonly errorMs: number;
}

/** What a store says of its memory. */
export interface StoreMemory {
  /** What counts towards the maximum: without the buffers of replicas and of the append-only file. */
  readonly usedOctets: number;
  /** 0: without a maximum. */
  readonly maxOctets: number;
  /** Keys that were thrown away because it was full, since its start. */
  readonly evictedKeys: number;
  /** Whether it throws keys away when it is full, instead of refusing writes. */
  readonly evicts: boolean;
}
