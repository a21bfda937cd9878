/**
 * Room `pop`: the points of presence themselves, on loopback addresses of this machine: HTTPS servers and the
 * layers behind them. L1 (`l1/`) takes connections and looks at requests, L2 (`l2/`) caches, `tier.ts` leads
 * on to regional caches and the shield, L3 (`l3/`) asks origins. May import `base`, other pure rooms, and
 * `store`.
 */

import { must } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import type { Fleet, Link } from '../base/fleet.ts';
import type { PopCertificate } from './authority.ts';
import { type DoorAddress, type DoorOptions, openDoors } from './doors.ts';
import { type ConnectionLimits, createConnectionGuard, DEFAULT_LIMITS } from './l1/connections.ts';
import { type Crew, createCrew } from './l1/crew.ts';
import { createExchange } from './l1/exchange.ts';
import { DEFAULT_SECURITY_POLICY, type SecurityPolicyName } from './l1/security-policies.ts';
import { createLoadMeter, type PopLoad } from './load.ts';
import { stapler } from './ocsp.ts';
import { ownPages } from './own-pages.ts';
import type { ExplainChoice } from './page-answer.ts';
import { createPopCounters } from './pop-counters.ts';
import type { Distribution } from './request-path.ts';
import { createRouter } from './router.ts';
import { createTier, type Tier } from './tier.ts';

/** How the tier is built, the same in each POP. */
export interface TierSettings {
  readonly l1Servers: number;
  readonly l2Servers: number;
  readonly l2OctetsMax: number;
  /** 0: there are no regional caches. */
  readonly regionalOctetsMax: number;
  readonly limits: ConnectionLimits;
}

export const DEFAULT_TIER: TierSettings = {
  l1Servers: 4,
  l2Servers: 5,
  l2OctetsMax: 4 << 20,
  regionalOctetsMax: 32 << 20,
  limits: DEFAULT_LIMITS,
};

/** What the POPs need. */
export interface PopOptions {
  readonly fleet: Fleet;
  /** POPs that are served from here, by index; undefined: all. */
  readonly only?: ReadonlySet<number> | undefined;
  /** Whether links elsewhere than on loopback addresses are listened on as well. */
  readonly anyAddress?: boolean;
  /** TCP port of every POP. */
  readonly port: number;
  /** An address is listened on, by this descriptor. */
  readonly onListening?: ((fd: number) => void) | undefined;
  readonly certificate: PopCertificate;
  readonly explain: ExplainChoice;
  /** Address of the beacon's script, for the example page; absent: there is none. */
  readonly beaconScript?: string | undefined;
  readonly distributions?: readonly Distribution[];
  /** The security policy of a distribution, by its id; absent: the default. */
  readonly policies?: ReadonlyMap<string, SecurityPolicyName>;
  /** Ids of distributions that nobody configured. */
  readonly builtIn?: ReadonlySet<string>;
  readonly settings?: TierSettings;
  /** Service of a host, for the demand of client networks. */
  readonly serviceOf?: (host: string) => string | undefined;
  /** How far ahead load is expected, ms: until new answers count. Absent: as it is. */
  readonly aheadMs?: number;
  /** Whether a POP is to be left: its connections end with the answers that are under way. */
  readonly isDraining?: (popIndex: number) => boolean;
  /** Whether clients of this machine may say, by `X-Isochrone-Client`, in whose place they ask. */
  readonly believesClients?: boolean;
  /** Takes lines of the access log. */
  readonly accessLog?: ((line: string) => void) | undefined;
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

/** The POPs at work. */
export interface Pops {
  /** How many addresses are listened on when all POPs are up. */
  readonly addressCount: number;
  /**
   * Takes a POP down (its addresses refuse, its connections are cut) or up again. Asking twice changes
   * nothing.
   */
  readonly setUp: (popIndex: number, up: boolean) => Promise<void>;
  /** Requests answered since the start, by POP index. */
  readonly requests: () => readonly number[];
  /** What the POP's real clients ask of it now: the same object until it is counted anew. */
  readonly load: (popIndex: number) => PopLoad;
  /** Connections that are open. */
  readonly connections: (popIndex: number) => number;
  /** Requests of the POP that are under way. */
  readonly active: (popIndex: number) => number;
  /** For `/metrics`. */
  readonly counters: () => CounterSnapshot;
  readonly tier: Tier;
  /** Regions of the origins of distributions that nobody configured, by the origin's name. */
  readonly builtInRegions: Readonly<Record<string, string>>;
  /** Rotates the keys of session tickets of a POP. */
  readonly rotateTickets: (popIndex: number) => void;
  /** Connections that each L1 server of a POP got since the start. */
  readonly taken: (popIndex: number) => readonly number[];
  /** Closes every address and cuts every connection. */
  readonly close: () => Promise<void>;
}

/**
 * Listens on every loopback address of the fleet, HTTP/1.1 and HTTP/2; those elsewhere are left out. Throws
 * `OperatorError` when an address cannot be had.
 */
export async function startPops(options: PopOptions): Promise<Pops> {
  const { fleet, log, clock, settings = DEFAULT_TIER, distributions = [], only } = options;
  const own = fleet.links.filter(({ popIndex }) => only === undefined || only.has(popIndex));
  const addresses = own.flatMap((link) => addressesOf(link, options.anyAddress === true));
  const elsewhere = own.length - new Set(addresses.map(({ link }) => link)).size;
  if (elsewhere > 0) log(`${elsewhere} links are not on loopback addresses: they are not served from here`);
  const monotonicMs = () => performance.now();
  const tier = createTier({ ...settings, fleet, clock });
  const { serviceOf = () => undefined, aheadMs = 0 } = options;
  const meter = createLoadMeter({ monotonicMs, serviceOf, aheadMs });
  const counters = createPopCounters();
  const { builtIn = new Set(), beaconScript, explain, accessLog } = options;
  const exchange = createExchange({
    fleet,
    router: createRouter(distributions),
    tier,
    clock,
    own: ownPages({ explain, beaconScript, log, isConfigured: (id) => id !== '' && !builtIn.has(id) }),
    isDraining: options.isDraining ?? (() => false),
    believesClients: options.believesClients === true,
    onDone: (done) => {
      const { popIndex, linkIndex, request, sent } = done;
      const { clientAddress, host } = request;
      meter.count({ popIndex, linkIndex, clientAddress, host, octets: sent.octets });
      counters.count(done);
      accessLog?.(done.logLine());
    },
    log,
  });
  const crews = createCrews(options, exchange);
  const guard = createConnectionGuard(settings.limits, monotonicMs);
  const onConnection: DoorOptions['onConnection'] = (socket, link) => {
    const connection = guard.admit(socket, link);
    if (connection !== undefined) crews.of(link.popIndex).take(connection);
  };
  const { port, onListening } = options;
  const doors = await openDoors({ addresses, port, onListening, onConnection });
  return {
    addressCount: addresses.length,
    setUp: doors.setOpen,
    requests: () => fleet.pops.map(({ index }) => meter.total(index)),
    load: meter.of,
    connections: guard.openOf,
    active: guard.activeOf,
    counters: () => counters.read({ tier, guard }),
    tier,
    builtInRegions: Object.fromEntries(
      distributions
        .filter(({ id }) => builtIn.has(id))
        .flatMap(({ behaviours }) =>
          behaviours.flatMap(({ origins }) => origins.map(({ name, region }) => [name, region])),
        ),
    ),
    rotateTickets: (popIndex) => crews.of(popIndex).tickets.rotate(),
    taken: (popIndex) => crews.of(popIndex).taken(),
    close: async () => {
      guard.close();
      await doors.close();
      await tier.close();
    },
  };
}

/** The L1 servers of every POP, made when the first connection comes: most POPs of a demo never see one. */
function createCrews(
  options: PopOptions,
  exchange: ReturnType<typeof createExchange>,
): { readonly of: (popIndex: number) => Crew } {
  const { fleet, certificate, clock, settings = DEFAULT_TIER, distributions = [] } = options;
  const crews = new Map<number, Crew>();
  const staple = stapler(certificate, clock);
  const router = createRouter(distributions);
  const policyFor = (id: string | undefined): SecurityPolicyName =>
    options.policies?.get(id ?? '') ?? DEFAULT_SECURITY_POLICY;
  const policies = [...new Set([policyFor(undefined), ...(options.policies?.values() ?? [])])];
  return {
    of: (popIndex) => {
      const known = crews.get(popIndex);
      if (known !== undefined) return known;
      const made = createCrew({
        pop: must(fleet.pops[popIndex], 'POP').code,
        servers: settings.l1Servers,
        certificate: certificate.certificate,
        key: certificate.key,
        staple,
        policyOf: (name) => policyFor(name === undefined ? undefined : router.distributionOf(name)?.id),
        policies,
        exchange,
        clock,
      });
      crews.set(popIndex, made);
      return made;
    },
  };
}

/** Addresses of a link that are listened on. Nobody has those that are for documentation (RFC 3849). */
function addressesOf(link: Link, isAnywhere: boolean): DoorAddress[] {
  const { ipv4, ipv6 } = link;
  const all = [ipv4, ipv6].filter((address) => address !== undefined);
  return all
    .filter((address) => isAnywhere || address.startsWith('127.') || address === '::1')
    .filter((address) => !address.startsWith('2001:db8:'))
    .map((address) => ({ link, address }));
}
