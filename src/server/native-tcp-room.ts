import type { Address } from '../base/address.ts';
import { bucketOf, sameClient, type TcpSlot, type TcpTable } from './native-tcp-table.ts';

/** Which connection is closed where a new one needs its place. */

/** Connections looked at for one that can be closed, from the one on that asked longest ago. */
const LOOKS_MAX = 64;
/** A client that takes longer for a message, or for reading answers, loses its place to others, ms. */
const SLOW_MS = 3_000;

/** How readily a connection is closed: the least first. */
const RANK = { SLOW: 0, NEVER_ASKED: 1, IDLE: 2, BUSY: 3 } as const;

/**
 * A connection of this client, or of all, that can be closed: one that is slow, else one that never asked,
 * else one that waits for nothing; of each the one that asked longest ago.
 */
export function findIdle(table: TcpTable, client: Address | undefined, nowMs: number): TcpSlot | undefined {
  let found: TcpSlot | undefined;
  let rank: number = RANK.BUSY;
  const look = (slot: TcpSlot): void => {
    const own = rankOf(slot, nowMs);
    const isOlder = own === rank && found !== undefined && slot.lastQueryMs < found.lastQueryMs;
    if (own >= rank && !isOlder) return;
    found = slot;
    rank = own;
  };
  visit(table, client, look);
  return found;
}

/** The connection of this client, or of all, that asked longest ago, whatever it does but sending a zone. */
export function findOldest(table: TcpTable, client: Address | undefined): TcpSlot | undefined {
  let found: TcpSlot | undefined;
  visit(table, client, (slot) => {
    if (slot.transfer !== undefined) return;
    if (found === undefined || slot.lastQueryMs < found.lastQueryMs) found = slot;
  });
  return found;
}

function visit(table: TcpTable, client: Address | undefined, look: (slot: TcpSlot) => void): void {
  if (client === undefined) {
    let slot = table.oldest;
    for (let left = LOOKS_MAX; slot !== undefined && left > 0; left--) {
      look(slot);
      slot = slot.newer;
    }
    return;
  }
  for (let slot = table.buckets[bucketOf(table, client)]; slot !== undefined; slot = slot.bucketNext)
    if (sameClient(slot.client.address, client)) look(slot);
}

function rankOf(slot: TcpSlot, nowMs: number): number {
  const { partialSinceMs, stalledSinceMs } = slot;
  if (partialSinceMs > 0 && nowMs - partialSinceMs > SLOW_MS) return RANK.SLOW;
  if (stalledSinceMs > 0 && nowMs - stalledSinceMs > SLOW_MS) return RANK.SLOW;
  if (slot.heldLength > 0 || slot.pendingLength > 0 || slot.transfer !== undefined) return RANK.BUSY;
  return slot.queries === 0 ? RANK.NEVER_ASKED : RANK.IDLE;
}
