import type { Target } from '../store/store.ts';
import type { Outcome, Pinger } from './agent.ts';
import type { Politeness } from './polite.ts';
import type { Way } from './way.ts';
import { type ActiveMethod, DEFAULT_PORTS, type Ways } from './ways.ts';

/** Whom to ask in a network, and how. */
export interface Aim {
  readonly address: string;
  readonly method?: ActiveMethod | undefined;
  readonly port?: number | undefined;
}

/** How bursts are sent. */
export interface PingerOptions {
  readonly ways: Ways;
  readonly politeness: Politeness;
  /** What the configuration knows of a network. */
  readonly aimAt: (network: string) => Aim | undefined;
  /** How, where nobody says. */
  readonly method: ActiveMethod;
  /** Pings of a burst, the time between two, and until one is lost, ms. */
  readonly pings: number;
  readonly gapMs: number;
  readonly timeoutMs: number;
}

/** A pinger of the real internet. */
export interface RealPinger extends Pinger {
  /** Bursts under way now. */
  readonly underWay: () => number;
  /** Least time of a burst to somebody who is no client: a router of ours; undefined: no answer. */
  readonly near: (address: string) => Promise<number | undefined>;
}

/** Bursts under way at most: further ones are held back. */
const UNDER_WAY_MAX = 5_000;
/** Where networks were last aimed at, for a second look; then all are forgotten. */
const REMEMBERED_MAX = 100_000;

/** Sends bursts within the bounds of politeness. */
export function createPinger(options: PingerOptions): RealPinger {
  const { ways, politeness, pings, gapMs, timeoutMs } = options;
  const lastAims = new Map<string, Aim>();
  let underWay = 0;
  const wayOf = (method: ActiveMethod | undefined): readonly [ActiveMethod, Way] | undefined => {
    // What was wished for may not be possible here; TCP always is.
    for (const name of [method ?? options.method, options.method, 'tcp'] as const) {
      const way = ways.of(name);
      if (way !== undefined) return [name, way];
    }
    return undefined;
  };
  const burst = async (aim: Aim): Promise<Exclude<Outcome, string> | undefined> => {
    const found = wayOf(aim.method);
    if (found === undefined) return undefined;
    const [method, way] = found;
    const to = { address: aim.address, port: aim.port ?? DEFAULT_PORTS[method] };
    const times: (number | undefined)[] = [];
    for (let i = 0; i < pings; i++) {
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, gapMs));
      times.push(await way.ping(to, timeoutMs));
      // Somebody who does not answer at all is not asked more.
      if (i > 0 && times.every((rttMs) => rttMs === undefined)) break;
    }
    return { ...reduce(times), method };
  };
  return {
    burst: (target, nowMs, done) => {
      const aim = aimOf(target) ?? options.aimAt(target.network) ?? lastAims.get(target.network);
      if (aim === undefined) return done('unknown');
      if (underWay >= UNDER_WAY_MAX || politeness.admit(aim.address, nowMs) !== undefined)
        return done('held-back');
      if (lastAims.size >= REMEMBERED_MAX) lastAims.clear();
      lastAims.set(target.network, aim);
      underWay++;
      void burst(aim).then((outcome) => {
        underWay--;
        politeness.answered(aim.address, outcome?.rttMs !== undefined);
        // Who never answered may be anything: that is no loss on the way there.
        if (outcome !== undefined && !politeness.hasAnswered(aim.address)) done('silent');
        else done(outcome ?? 'unknown');
      });
    },
    underWay: () => underWay,
    near: async (address) => (await burst({ address }))?.rttMs,
  };
}

function aimOf({ address, method, port }: Target): Aim | undefined {
  if (address === undefined) return undefined;
  return { address, method: method === 'passive' || method === 'beacon' ? undefined : method, port };
}

/** The least of the times counts, and how far the mean is above it. */
function reduce(times: readonly (number | undefined)[]): Exclude<Outcome, string> {
  const came = times.filter((rttMs) => rttMs !== undefined);
  const sent = times.length;
  const lost = sent - came.length;
  if (came.length === 0) return { sent, lost };
  const rttMs = Math.min(...came);
  const meanMs = came.reduce((sum, one) => sum + one, 0) / came.length;
  return { rttMs, jitterMs: meanMs - rttMs, sent, lost };
}
