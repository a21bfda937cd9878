import { type Address, clearHostBits, type Prefix, parseAddress } from '../base/address.ts';

/** How much an agent asks of others. */
export interface Bounds {
  /** Bursts a second, of all networks together. */
  readonly burstsPerSecond: number;
  /** Between two bursts to one network, at least, ms. */
  readonly everyMs: number;
  /** A network that does not answer is asked this often at least, ms. */
  readonly silentMaxMs: number;
  /** Nobody in there is asked anything. */
  readonly optOut: readonly Prefix[];
}

/** Why somebody is not asked now. */
export type Restraint = 'opted-out' | 'too-soon' | 'silent' | 'too-many';

/** Holds an agent to its bounds. */
export interface Politeness {
  /** Whether an address may be sent a burst now, which then counts as sent; else why not. */
  readonly admit: (address: string, nowMs: number) => Restraint | undefined;
  /** Takes in whether the last burst was answered. */
  readonly answered: (address: string, isAnswered: boolean) => void;
  /** From now on nobody in these prefixes is asked anything. */
  readonly setOptOut: (optOut: readonly Prefix[]) => void;
  /** Whether the address answered a burst before, as far as is remembered. */
  readonly hasAnswered: (address: string) => boolean;
  /** Refused since the start, by why. */
  readonly counts: () => Readonly<Record<Restraint, number>>;
}

/** Addresses that are remembered; then those go that were asked first. */
const REMEMBERED_MAX = 200_000;
/** What was not used of the bursts of so long may be used at once, ms. */
const SAVED_MS = 1000;
/** Doubled so often at most. */
const DOUBLINGS_MAX = 20;

/** Nothing was asked yet. */
export function createPoliteness(bounds: Bounds): Politeness {
  const { burstsPerSecond, everyMs, silentMaxMs } = bounds;
  let isOptedOut = prefixSet(bounds.optOut);
  const asked = new Map<string, { atMs: number; unanswered: number; hasAnswered: boolean }>();
  const counts = { 'opted-out': 0, 'too-soon': 0, silent: 0, 'too-many': 0 };
  const savedMax = Math.max(1, (burstsPerSecond * SAVED_MS) / 1000);
  let saved = savedMax;
  let savedAtMs: number | undefined;
  const restraintOf = (address: string, nowMs: number): Restraint | undefined => {
    if (isOptedOut(address)) return 'opted-out';
    const { atMs, unanswered } = asked.get(address) ?? { atMs: -Infinity, unanswered: 0 };
    // A clock that was set back holds nobody back for long.
    const sinceMs = Math.abs(nowMs - atMs);
    if (sinceMs < everyMs) return 'too-soon';
    if (unanswered > 0 && sinceMs < Math.min(silentMaxMs, everyMs * 2 ** Math.min(unanswered, DOUBLINGS_MAX)))
      return 'silent';
    saved = Math.min(savedMax, saved + (Math.abs(nowMs - (savedAtMs ?? nowMs)) * burstsPerSecond) / 1000);
    savedAtMs = nowMs;
    return saved < 1 ? 'too-many' : undefined;
  };
  return {
    admit: (address, nowMs) => {
      const restraint = restraintOf(address, nowMs);
      if (restraint !== undefined) {
        counts[restraint]++;
        return restraint;
      }
      saved--;
      const { unanswered = 0, hasAnswered = false } = asked.get(address) ?? {};
      // Put anew: the map's order is that of the last burst.
      asked.delete(address);
      asked.set(address, { atMs: nowMs, unanswered, hasAnswered });
      const [first] = asked.size > REMEMBERED_MAX ? asked.keys() : [];
      if (first !== undefined) asked.delete(first);
      return undefined;
    },
    answered: (address, isAnswered) => {
      const known = asked.get(address);
      if (known === undefined) return;
      known.unanswered = isAnswered ? 0 : known.unanswered + 1;
      known.hasAnswered ||= isAnswered;
    },
    setOptOut: (optOut) => {
      isOptedOut = prefixSet(optOut);
    },
    hasAnswered: (address) => asked.get(address)?.hasAnswered === true,
    counts: () => counts,
  };
}

/** Whether an address, in presentation form, lies in one of the prefixes. What is no address lies in all. */
function prefixSet(prefixes: readonly Prefix[]): (text: string) => boolean {
  const byLength = new Map<string, { family: 4 | 6; length: number; keys: Set<string> }>();
  for (const { address, length } of prefixes) {
    const name = `${address.family} ${length}`;
    const set = byLength.get(name) ?? { family: address.family, length, keys: new Set() };
    byLength.set(name, set);
    set.keys.add(keyOf(address, length));
  }
  const sets = [...byLength.values()];
  return (text) => {
    const address = parseAddress(text);
    if (address === undefined) return true;
    return sets.some(
      ({ family, length, keys }) => family === address.family && keys.has(keyOf(address, length)),
    );
  };
}

function keyOf({ octets }: Address, length: number): string {
  const copy = Uint8Array.from(octets);
  clearHostBits(copy, length);
  return copy.join('.');
}
