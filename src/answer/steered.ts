import type { Address } from '../base/address.ts';
import { mix32 } from '../base/random.ts';
import { choose, isSplit, isTogether, rowTtl } from '../steering/image.ts';
import type { AnswerContext, Outcome } from './context.ts';
import { findRow } from './row-map.ts';
import type { Service } from './service.ts';

/** Addresses that share so many bits share the POP of a split row. */
const SPLIT_BITS_IPV4 = 24;
const SPLIT_BITS_IPV6 = 48;

/**
 * Decides which link of a service serves a client: row of the steering image for the address, first candidate
 * whose POP serves. Fills the steering fields of `outcome`; its `ttl` is bounded by the zone's record too if
 * `recordTtl` is given. False if there is no table, or no link in the row.
 * The answer and `explain` both call this, so they cannot differ.
 */
export function resolveSteered(
  context: AnswerContext,
  serviceIndex: number,
  address: Address,
  outcome: Outcome,
  recordTtl = 0xffff_ffff,
): boolean {
  const { table, found } = context;
  const service = context.services[serviceIndex] as Service;
  outcome.serviceIndex = serviceIndex;
  outcome.linkIndex = -1;
  if (table === undefined) return false;
  const { image } = table;
  findRow(table.rows, service.groupIndex, address, found);
  const { row } = found;
  let { scopeLength } = found;
  let clientHash = 0;
  if (isSplit(image, row)) {
    clientHash = splitHash(address, serviceIndex);
    const bits = address.family === 4 ? SPLIT_BITS_IPV4 : SPLIT_BITS_IPV6;
    // Of answers with all parts only the order differs.
    if (scopeLength < bits && !isTogether(image, row)) scopeLength = bits;
  }
  const linkIndex = choose(image, row, context.popState, context.linkPop, clientHash);
  outcome.scopeLength = scopeLength;
  outcome.row = row;
  outcome.ttl = Math.max(service.ttlMin, Math.min(recordTtl, service.ttlMax, rowTtl(image, row)));
  if (linkIndex < 0) return false;
  outcome.linkIndex = linkIndex;
  outcome.popIndex = context.linkPop[linkIndex] as number;
  return true;
}

/**
 * Whom an answer is for: the client subnet of the query. Source length 0 asks not to be located; the
 * resolver's own address is what is left (RFC 7871 §7.1.2).
 */
export function clientOf({ query: { edns } }: AnswerContext, resolver: Address): Address {
  return edns.ecs && edns.ecsSourceLength > 0 ? edns.ecsAddress : resolver;
}

/** The same for all addresses of one /24 or /48, for one service, in every process. */
export function splitHash(address: Address, serviceIndex: number): number {
  const { octets, family } = address;
  const high = ((octets[0] as number) << 16) | ((octets[1] as number) << 8) | (octets[2] as number);
  if (family === 4) return mix32(high ^ Math.imul(serviceIndex + 1, 0x9e3779b1));
  const low = ((octets[3] as number) << 16) | ((octets[4] as number) << 8) | (octets[5] as number);
  return mix32(mix32(high ^ Math.imul(serviceIndex + 1, 0x9e3779b1)) ^ low);
}
