/**
 * Room `delays`: holds packets between clients and POPs on this machine for as long as the modelled internet
 * has them on the way, so that programs which know nothing of it (curl, dig, browsers) feel it. Linux alone:
 * the kernel hands the packets over (nfnetlink_queue). May import `base`, other pure rooms, and `store`.
 */

import type { CounterBlock } from '../base/counters.ts';
import { exponential, type Random } from '../base/random.ts';
import type { WeatherByPop } from '../netmodel/model.ts';
import { DELAY_SLOT } from './counters.ts';
import type { PacketQueue, QueuedPacket } from './queue.ts';
import { createWaiting } from './waiting.ts';
import type { FindWay } from './ways.ts';

/** What holding needs. */
export interface HoldOptions {
  readonly queue: Pick<PacketQueue, 'next' | 'decide' | 'send'>;
  readonly findWay: FindWay;
  /** ms since some moment, by a clock that never goes back. */
  readonly nowMs: () => number;
  readonly random: Random;
  /** Laid out as `DELAY_LAYOUT`. */
  readonly counts: CounterBlock;
}

/** The packets that are held. */
export interface Hold {
  /** Takes what came, lets go whose time has come; gives ms until the next one's, at most `WAIT_MAX_MS`. */
  readonly step: (weather: WeatherByPop) => number;
}

/** Packets held at a time: 16,384 of 1,500 octets are 24 MB, or 200 ms at a gigabit a second. */
export const HELD_MAX = 16_384;
/** Without packets, ms between two steps at most. */
const WAIT_MAX_MS = 50;
/** Packets taken in a step, so that those whose time has come never wait long for new ones. */
const TAKEN_MAX = 64;
/** Ways that are remembered for their order; older ones are forgotten beyond. */
const WAYS_MAX = 65_536;

/** Holds packets. Those of one way stay in order, whatever the jitter. */
export function createHold(options: HoldOptions): Hold {
  const { queue, findWay, nowMs, random, counts } = options;
  const count = (slot: number): void => {
    counts[slot] = (counts[slot] ?? 0) + 1;
  };
  const waiting = createWaiting(HELD_MAX);
  const lastMs = new Map<number, number>();
  const packet: QueuedPacket = { id: 0, octets: new Uint8Array() };
  const dueOf = (key: number, ms: number): number => {
    const dueMs = Math.max(ms, lastMs.get(key) ?? 0);
    if (lastMs.size >= WAYS_MAX && !lastMs.has(key)) {
      const [oldest = key] = lastMs.keys();
      lastMs.delete(oldest);
    }
    lastMs.set(key, dueMs);
    return dueMs;
  };
  const takeOne = (weather: WeatherByPop): void => {
    const way = findWay(packet.octets, weather);
    if (way === undefined) {
      count(DELAY_SLOT.PASSED);
      queue.decide(packet.id, true);
      return;
    }
    const { ms, jitterMs, lossRate } = way.oneWay;
    // Both drawn each time, so that a loss does not shift every draw after it.
    const isLost = random.next() < lossRate;
    const dueMs = nowMs() + ms + exponential(random, jitterMs);
    if (!isLost && waiting.put(packet.id, dueOf(way.key, dueMs))) {
      count(DELAY_SLOT.HELD);
      return;
    }
    count(isLost ? DELAY_SLOT.LOST : DELAY_SLOT.OVERFLOW);
    queue.decide(packet.id, false);
  };
  const letGo = (): void => {
    const now = nowMs();
    while (waiting.firstMs() <= now) queue.decide(waiting.take(), true);
    queue.send();
  };
  return {
    step: (weather) => {
      let taken = 0;
      while (taken < TAKEN_MAX && queue.next(packet)) {
        takeOne(weather);
        taken++;
      }
      letGo();
      counts[DELAY_SLOT.WAITING] = waiting.count();
      if (taken === TAKEN_MAX) return 0;
      return Math.min(WAIT_MAX_MS, Math.max(0, waiting.firstMs() - nowMs()));
    },
  };
}
