import type { Location } from './geodesy.ts';

/** One way into a POP: an ingress address over its own transit. */
export interface Link {
  /** `FRA-a`: the POP's code and a letter. */
  readonly id: string;
  /** Position in `Fleet.links`; what tables and images hold. */
  readonly index: number;
  /** Position of the link's POP in `Fleet.pops`. */
  readonly popIndex: number;
  /** Name of the transit or exchange behind it. */
  readonly transit: string;
  /** Megabits a second that the link can carry. */
  readonly capacityMbps: number;
  /** Ingress IPv4 address, dotted quad; absent where it has none, and then it has the other. */
  readonly ipv4?: string;
  /** Ingress IPv6 address, RFC 5952; absent where it has none. */
  readonly ipv6?: string;
  /** In place of addresses: the name that answers are an alias of, absolute; of a service run by others. */
  readonly cname?: string;
}

/** A point of presence. */
export interface Pop extends Location {
  /** Short upper-case code, usually the IATA code of its airport: `FRA`. */
  readonly code: string;
  /** Position in `Fleet.pops`; what tables, images and state words use. */
  readonly index: number;
  readonly city: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  /** Operator's region name: `eu-central`. */
  readonly region: string;
  /** Requests a second that the POP can serve. */
  readonly capacityRps: number;
  /** Operator's bias in ms, added to the score: positive makes the POP less wanted. */
  readonly biasMs: number;
  /** At least one. */
  readonly links: readonly Link[];
}

/** All POPs and all their links, in one order that every process of a cluster shares. */
export interface Fleet {
  readonly pops: readonly Pop[];
  readonly links: readonly Link[];
  /**
   * 32-bit digest of the POPs' codes and links' ids in order: two processes with one digest agree on
   * indexes.
   */
  readonly digest: number;
}
