import { type Address, familyBits } from '../base/address.ts';
import { choose, rowOf, rowTtl } from '../steering/image.ts';
import type { AnswerContext, Outcome } from './context.ts';
import type { Service } from './service.ts';

/**
 * Decides which link of a service serves a client: place and network of the address, row of the steering
 * image, first candidate whose POP serves. Fills the steering fields of `outcome`; its `ttl` is bounded by
 * the zone's record too if `recordTtl` is given. False if there is no image, or no link in the row.
 * The answer and `explain` both call this, so they cannot differ.
 */
export function resolveSteered(
  context: AnswerContext,
  serviceIndex: number,
  address: Address,
  outcome: Outcome,
  recordTtl = 0xffff_ffff,
): boolean {
  const { steering, located } = context;
  const service = context.services[serviceIndex] as Service;
  outcome.serviceIndex = serviceIndex;
  outcome.linkIndex = -1;
  if (steering === undefined) return false;
  context.locator.locate(address, located);
  const row = rowOf(steering, service.groupIndex, located.placeId, located.asn);
  const linkIndex = choose(steering, row, context.popState, context.linkPop);
  outcome.placeId = located.placeId;
  outcome.asn = located.asn;
  outcome.scopeLength = Math.min(located.scopeLength, familyBits(address.family));
  outcome.row = row;
  outcome.ttl = Math.max(service.ttlMin, Math.min(recordTtl, service.ttlMax, rowTtl(steering, row)));
  if (linkIndex < 0) return false;
  outcome.linkIndex = linkIndex;
  outcome.popIndex = context.linkPop[linkIndex] as number;
  return true;
}
