import type { MeasureMethod } from '../store/store.ts';
import type { NativeResult } from './native.ts';
import { tcpTimesReader } from './tcp-info.ts';
import { closeAll, type Way } from './way.ts';
import { openDns } from './way-dns.ts';
import { openHttp } from './way-http.ts';
import { openIcmp } from './way-icmp.ts';
import { openTcp } from './way-tcp.ts';

/** Ways to measure that ask somebody. */
export type ActiveMethod = Exclude<MeasureMethod, 'passive' | 'beacon'>;

/** The ways that can be gone here. */
export interface Ways {
  /** undefined: not here. */
  readonly of: (method: ActiveMethod) => Way | undefined;
  /** Why each of the others cannot, for people. */
  readonly declined: readonly string[];
  readonly close: () => void;
}

/** What the ways say of us to those who are asked. */
export interface Manners {
  /** `0.1.0`. */
  readonly version: string;
  /** Where to complain; absent: nowhere. */
  readonly contact?: string | undefined;
  /** Name that resolvers are asked for. */
  readonly dnsName: string;
}

/** Port where a target names none. */
export const DEFAULT_PORTS = { icmp: 0, tcp: 443, http: 80, https: 443, dns: 53 } as const;

/** Opens every way. */
export function openWays(loaded: NativeResult, { version, contact, dnsName }: Manners): Ways {
  const userAgent = `isochrone-agent/${version}${contact === undefined ? '' : ` (+${contact})`}`;
  const readTimes = tcpTimesReader(loaded);
  const icmp = openIcmp(loaded, `Isochrone latency measurement, ${userAgent}`);
  const ways: Partial<Record<ActiveMethod, Way>> = {
    tcp: openTcp(readTimes),
    http: openHttp({ scheme: 'http', userAgent, readTimes }),
    https: openHttp({ scheme: 'https', userAgent, readTimes }),
    dns: openDns(loaded, { name: dnsName }),
    ...('declined' in icmp ? {} : { icmp }),
  };
  return {
    of: (method) => ways[method],
    declined: 'declined' in icmp ? [icmp.declined] : [],
    close: () => closeAll(Object.values(ways)),
  };
}
