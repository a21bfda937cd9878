/** Notices when the internet around a POP changes, from the bursts of its agent. */
export interface News {
  /** Takes a burst to a network in; `rttMs` undefined: every packet was lost. */
  readonly note: (network: string, burst: NotedBurst) => void;
  /** Whether there is news since the last time; then it is told. */
  readonly take: (nowMs: number) => boolean;
}

/** What a burst showed. */
export interface NotedBurst {
  readonly rttMs?: number | undefined;
  readonly sent: number;
  readonly lost: number;
}

/** Bursts that are looked at together, and how many of them must be far off on one side. */
const BURSTS = 7;
const FAR_BURSTS = 6;
/** A round-trip time is far off the last one of that network by so much: ms, and a share of it. */
const FAR_MS = 8;
const FAR_SHARE = 0.25;
/** Packets lost of so many bursts from which on they are news, and up to which the loss is over. */
const LOSS_BURSTS = 10;
const LOSSY_PACKETS = 6;
const CLEAN_PACKETS = 1;
/** The same POP has no news again for so long, ms. */
const QUIET_MS = 1000;
/** Networks whose last round-trip time is remembered, at most; then all are forgotten. */
const NETWORKS_MAX = 20_000;

/**
 * For one POP. News are round-trip times that changed to one side, or packets that begin or cease to be lost,
 * for nearly all of the networks measured last. The controller judges; this only spares it the wait for its
 * next tick, so it may err.
 */
export function createNews(): News {
  const lastMs = new Map<string, number>();
  let sides: number[] = [];
  let losses: number[] = [];
  let isLossy = false;
  let isNews = false;
  let toldAtMs = -Infinity;
  const noteRtt = (network: string, rttMs: number): void => {
    const before = lastMs.get(network);
    if (before === undefined && lastMs.size >= NETWORKS_MAX) lastMs.clear();
    lastMs.set(network, rttMs);
    if (before === undefined) return;
    const change = rttMs - before;
    const isFar = Math.abs(change) > FAR_MS + FAR_SHARE * Math.min(before, rttMs);
    sides = [...sides.slice(1 - BURSTS), isFar ? Math.sign(change) : 0];
    if (Math.abs(sides.reduce((sum, side) => sum + side, 0)) < FAR_BURSTS) return;
    isNews = true;
    sides = [];
  };
  const noteLoss = (lost: number): void => {
    losses = [...losses.slice(1 - LOSS_BURSTS), lost];
    const packets = losses.reduce((sum, count) => sum + count, 0);
    const isOver = losses.length === LOSS_BURSTS && packets <= CLEAN_PACKETS;
    if (isLossy ? !isOver : packets < LOSSY_PACKETS) return;
    isLossy = !isLossy;
    isNews = true;
  };
  return {
    note: (network, { rttMs, lost }) => {
      if (rttMs !== undefined) noteRtt(network, rttMs);
      noteLoss(lost);
    },
    take: (nowMs) => {
      if (!isNews || Math.abs(nowMs - toldAtMs) < QUIET_MS) return false;
      isNews = false;
      toldAtMs = nowMs;
      return true;
    },
  };
}
