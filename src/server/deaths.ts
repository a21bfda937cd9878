import { typeName } from '../wire/constants.ts';
import { formatName, NAME_MAX } from '../wire/name.ts';
import { deathsBlock, type QueryHash, queryHash, questionNameEnd, writeBans } from './deaths-block.ts';

/**
 * Remembers the queries that threads had in hand when they ended, and bans those that ended a second one. A
 * query that ended one is held off while no thread stands by: a second death would leave a place empty. It is
 * forgotten with the process: whoever restarts it (another version, perhaps) is not refused answers for
 * what the one before could not do.
 */

/** Deaths by one query, within `WINDOW_MS`, that ban it. */
const DEATHS_MAX = 2;
/** For how long a death is remembered, and for how long a ban holds, ms. */
const WINDOW_MS = 600_000;
/** Queries remembered; the one whose death is longest ago is forgotten first. */
const REMEMBERED_MAX = 64;
const HEADER_SIZE = 12;

/** A query that no thread touches any more. */
export interface BannedQuery {
  /** `name TYPE`, escaped as in a master file; or how long it is, where it has no readable question. */
  readonly question: string;
  readonly forMs: number;
}

/** The main thread's memory of deaths. */
export interface Deaths {
  /** For the threads: see deaths-block.ts. */
  readonly block: Int32Array<SharedArrayBuffer>;
  /** A thread died by this query; returns it if it is banned from now on. */
  readonly note: (query: Uint8Array, nowMs: number) => BannedQuery | undefined;
  /** Ends bans whose time is over. Call it now and then. */
  readonly expire: (nowMs: number) => void;
  /** Queries banned now. */
  readonly banned: () => number;
  /** Whether a thread stands by. */
  readonly setCovered: (isCovered: boolean, nowMs: number) => void;
}

interface Remembered {
  readonly hash: QueryHash;
  readonly deathsMs: number[];
  /** 0: not banned. */
  bannedUntilMs: number;
}

/** No deaths yet. Times are of one clock that never goes back. */
export function createDeaths(): Deaths {
  const block = deathsBlock();
  const remembered = new Map<string, Remembered>();
  let bans: Remembered[] = [];
  let isCovered = true;
  const write = (nowMs: number): void => {
    const suspects = isCovered
      ? []
      : [...remembered.values()].filter((one) => !bans.includes(one) && isRecent(one.deathsMs.at(-1), nowMs));
    // Bans first, and the newest, should there ever be more than the block holds.
    writeBans(
      block,
      [...bans.toReversed(), ...suspects.toReversed()].map(({ hash }) => hash),
    );
  };
  return {
    block,
    note: (query, nowMs) => {
      const hash = queryHash(query);
      const key = `${hash.first} ${hash.second}`;
      const before = remembered.get(key);
      const deathsMs = (before?.deathsMs ?? []).filter((atMs) => isRecent(atMs, nowMs));
      const entry = { hash, deathsMs: [...deathsMs, nowMs], bannedUntilMs: before?.bannedUntilMs ?? 0 };
      remembered.delete(key);
      remembered.set(key, entry);
      if (remembered.size > REMEMBERED_MAX) remembered.delete(remembered.keys().next().value ?? '');
      const isBanned = entry.deathsMs.length >= DEATHS_MAX && entry.bannedUntilMs <= nowMs;
      if (isBanned) {
        entry.bannedUntilMs = nowMs + WINDOW_MS;
        bans = [...bans.filter((ban) => ban !== before), entry];
      }
      if (isBanned || !isCovered) write(nowMs);
      if (!isBanned) return undefined;
      return { question: questionText(query), forMs: WINDOW_MS };
    },
    expire: (nowMs) => {
      if (!bans.some((ban) => ban.bannedUntilMs <= nowMs)) return;
      bans = bans.filter((ban) => ban.bannedUntilMs > nowMs);
      write(nowMs);
    },
    banned: () => bans.length,
    setCovered: (covered, nowMs) => {
      if (covered === isCovered) return;
      isCovered = covered;
      write(nowMs);
    },
  };
}

function isRecent(atMs: number | undefined, nowMs: number): boolean {
  return atMs !== undefined && nowMs - atMs < WINDOW_MS;
}

/** The question in words that are safe to print. */
function questionText(query: Uint8Array): string {
  const end = questionNameEnd(query, query.length);
  if (query[end] !== 0 || end + 3 > query.length || end - HEADER_SIZE >= NAME_MAX)
    return `a message of ${query.length} octets`;
  const type = ((query[end + 1] as number) << 8) | (query[end + 2] as number);
  return `${formatName(query.subarray(HEADER_SIZE, end + 1))} ${typeName(type)}`;
}
