/** Notices when the internet around a POP changes, from the bursts of its agent. */
export interface News {
  /** Takes a burst to a network in; `rttMs` undefined: every packet was lost. */
  readonly note: (network: string, burst: NotedBurst) => void;
  /** Whether there is news since the last time; then it is told. */
  readonly take: (nowMs: number) => boolean;
  /**
   * Networks to measure again at once, as the last bursts may be the first of a change; mostly none. Bounded
   * over time.
   */
  readonly doubted: (nowMs: number) => readonly string[];
}

/** What a burst showed. */
export interface NotedBurst {
  readonly rttMs?: number | undefined;
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
/** Networks measured again after one burst that is far off, and after two in a row. */
const DOUBT_ONE = 2;
const DOUBT_TWO = 8;
/** Packets lost of the bursts looked at that raise a doubt, and bursts in a row without loss that end one. */
const DOUBT_PACKETS = 2;
const DOUBT_CLEAN_BURSTS = 3;
/** Networks measured again in `QUIET_MS`, at most. */
const DOUBTED_MAX = 16;
/** Networks measured last that are chosen from. */
const RECENT_MAX = 24;

/**
 * For one POP. News are round-trip times that changed to one side, or packets that begin or cease to be lost,
 * for nearly all of the networks measured last. The controller judges; this only spares it the wait for its
 * next tick, so it may err. A POP that measures little would be slow to notice: its first burst that is out
 * of order makes it measure some of the networks again that it measured last, at once.
 */
export function createNews(): News {
  const lastMs = new Map<string, number>();
  /** Networks measured last, the newest last, each once. */
  let recent: string[] = [];
  let sides: number[] = [];
  let losses: number[] = [];
  let isLossy = false;
  let isNews = false;
  let toldAtMs = -Infinity;
  let wanted = 0;
  let doubted = 0;
  let doubtedAtMs = -Infinity;
  const noteRtt = (network: string, rttMs: number): void => {
    const before = lastMs.get(network);
    if (before === undefined && lastMs.size >= NETWORKS_MAX) lastMs.clear();
    lastMs.set(network, rttMs);
    recent = [...recent.filter((other) => other !== network), network].slice(-RECENT_MAX);
    if (before === undefined) return;
    const change = rttMs - before;
    const isFar = Math.abs(change) > FAR_MS + FAR_SHARE * Math.min(before, rttMs);
    const side = isFar ? Math.sign(change) : 0;
    sides = [...sides.slice(1 - BURSTS), side];
    if (isFar) wanted = Math.max(wanted, farInARow(sides) > 1 ? DOUBT_TWO : DOUBT_ONE);
    if (Math.abs(sides.reduce((sum, one) => sum + one, 0)) < FAR_BURSTS) return;
    isNews = true;
    sides = [];
    wanted = 0;
  };
  const noteLoss = (lost: number): void => {
    losses = [...losses.slice(1 - LOSS_BURSTS), lost];
    const packets = losses.reduce((sum, count) => sum + count, 0);
    const isClean = losses.slice(-DOUBT_CLEAN_BURSTS).every((count) => count === 0);
    if (isLossy ? isClean : lost > 0 && packets >= DOUBT_PACKETS) wanted = Math.max(wanted, DOUBT_TWO);
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
    doubted: (nowMs) => {
      if (wanted === 0) return [];
      if (Math.abs(nowMs - doubtedAtMs) >= QUIET_MS) {
        doubted = 0;
        doubtedAtMs = nowMs;
      }
      const count = Math.min(wanted, DOUBTED_MAX - doubted);
      wanted = 0;
      doubted += count;
      // Those that raised the doubt have said what they can.
      return recent.slice(0, recent.length - farInARow(sides)).slice(0, count);
    },
  };
}

/** Bursts at the end that were far off on one side. */
function farInARow(sides: readonly number[]): number {
  const last = sides.at(-1) ?? 0;
  return last === 0 ? 0 : sides.length - 1 - sides.findLastIndex((side) => side !== last);
}
