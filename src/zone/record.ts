/**
 * Room `zone`: master files, the zone tree and what is compiled from it for answering.
 * May import `base` and `wire`. Pure: it is given text and octets, never paths to open.
 */

/** One resource record as read from a master file or made by a program. */
export interface ZoneRecord {
  /** Owner name, uncompressed wire form, case kept (RFC 1035 §3.1). */
  readonly owner: Uint8Array;
  readonly type: number;
  /** Seconds (RFC 2181 §8). */
  readonly ttl: number;
  /**
   * RDATA in uncompressed wire form, case of names kept; for STEER: the service name as one
   * character-string.
   */
  readonly rdata: Uint8Array;
  /** Where it was written. */
  readonly file: string;
  readonly line: number;
}
