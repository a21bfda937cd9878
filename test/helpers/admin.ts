import type { CounterSnapshot } from '../../src/base/counters.ts';
import { OperatorError } from '../../src/base/errors.ts';
import type { AdminApi, ImagesView, PopView, TableView } from '../../src/console/api.ts';
import type { DemandView } from '../../src/console/api-demand.ts';
import type { ExplainView } from '../../src/console/api-explain.ts';
import { type LiveApi, livePop } from '../../src/console/api-live.ts';
import type { TopView } from '../../src/console/api-top.ts';
import type { WhatIfView } from '../../src/console/api-what-if.ts';
import type { ControlMetrics } from '../../src/console/metrics-view.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import type { Store } from '../../src/store/store.ts';

const pop = (code: string, rest: Partial<PopView>): PopView => ({
  code,
  city: 'Frankfurt am Main',
  country: 'DE',
  region: 'eu-central',
  latitude: 50.03,
  longitude: 8.57,
  state: 'up',
  capacityRps: 1000,
  priceMs: 0,
  biasMs: 0,
  share: 0.5,
  agentStanding: 1,
  links: ['a', 'b'].map((letter) => ({
    id: `${code}-${letter}`,
    transit: 'one',
    ipv4: '192.0.2.1',
    congestionMs: 4,
  })),
  ...rest,
});

const POPS: readonly PopView[] = [
  pop('FRA', { loadRps: 900, expectedRps: 960, expectedInMs: 3_500, priceMs: 1.5 }),
  pop('GRU', { city: 'São Paulo <GRU>', state: 'drained', why: 'works', loadRps: 120, share: 0 }),
];

/** An explanation with terms that add up. */
export function explainView(changes: Partial<ExplainView> = {}): ExplainView {
  const term = { lossMs: 0, congestionMs: 4, priceMs: 1.5, biasMs: 0 };
  return {
    name: 'www.cdn.example',
    type: 'A',
    service: 'web',
    client: {
      address: '192.0.2.1',
      place: 'Mainz, DE',
      asn: 64500,
      asName: 'Example',
      source: '/srv/geo/city.mmdb',
      sourceBuiltAtMs: Date.UTC(2026, 5, 5, 13),
    },
    cell: { key: 'AS64500/DE/50.0,8.0', label: 'AS64500 in Mainz, DE' },
    scopeLength: 24,
    ttl: { seconds: 60, why: 'margin of 83.00 ms' },
    table: { epoch: 12, ageMs: 250 },
    chosen: { pop: 'FRA', link: 'FRA-a', addresses: ['192.0.2.1'] },
    runnerUp: { pop: 'GRU', marginMs: 187.5 },
    notes: [],
    pops: [
      {
        pop: 'FRA',
        city: 'Frankfurt am Main',
        link: 'FRA-a',
        rttMs: 7,
        rttSource: 'measured',
        bursts: 9,
        ...term,
        scoreMs: 12.5,
      },
      {
        pop: 'GRU',
        city: 'São Paulo',
        link: 'GRU-b',
        rttMs: 194.5,
        rttSource: 'prior',
        bursts: 0,
        ...term,
        scoreMs: 200,
        out: 'drained: works',
      },
    ],
    ...changes,
  };
}

const TABLE: TableView = {
  epoch: 12,
  ageMs: 250,
  origin: 'this process',
  rows: 34,
  octets: 5000,
  map: { buildMs: 210, octets: 7000 },
};

const IMAGES: ImagesView = {
  zones: { madeAtMs: 0, octets: 3000, origin: 'file', zones: 1, names: 36, records: 50 },
  clients: { madeAtMs: 500, octets: 9000, origin: 'sources', rangesIpv4: 2000, rangesIpv6: 1000, sites: 77 },
};

const DEMAND: DemandView = {
  qps: 900,
  cells: 2,
  overflowQps: 0,
  rows: [
    { place: 'Paris, FR', key: 'FR/48.5,2.0', asn: 64_500, service: 'web', qps: 800 },
    { place: 'world', key: 'world', asn: 0, qps: 100 },
  ],
};

const HEALTH = {
  checks: { made: 40, failed: 3, postponed: 0, viewsLost: 1 },
  watch: { views: 1, verdictChanges: 2, storeFailures: 0 },
  votes: [{ pop: 'FRA', up: 2, down: 1 }],
  verdictTimes: { count: 1, sumMs: 750, lastMs: 750 },
};

const ELECTION = {
  standing: 'leading',
  token: 7,
  changes: 1,
  fenced: 2,
  takeovers: 1,
  lastTakeoverMs: 30,
} as const;

const { ageMs: tableAgeMs, epoch } = TABLE;
const codes = POPS.map(({ code }) => code);
const liveApi: LiveApi = {
  state: () => {
    const queryRates = { udp: 1234.4, tcp: 0 };
    return { atMs: 1000, epoch, tableAgeMs, ready: true, queryRates, pops: POPS.map(livePop) };
  },
  catchments: async ({ service = 'web', atMs = 1000 }) => {
    if (service !== 'web')
      throw new OperatorError('not-found', [{ file: 'service', message: `there is no ${service}` }]);
    const places = [['FR/48.5,2.0', 'Paris, FR', 48.86, 2.35, 0.25, 0, 0.95]] as const;
    return { service, services: ['web'], weightsOf: service, epoch, atMs, pops: codes, places };
  },
  history: () => {
    const points = [{ atMs: 500, epoch: 11, qps: 900, down: [], drained: ['GRU'] }];
    return { stepMs: 20_000, fromMs: 500, pops: codes, octets: 1000, points };
  },
  popHistory: (code) => ({
    ...liveApi.history(),
    series: POPS.filter((one) => one.code === code).map((one) => {
      const { code: _, why: _why, ...rest } = livePop(one);
      return { atMs: 1000, ...rest };
    }),
  }),
  historyAt: (atMs) => ({ atMs, epoch, queryRates: {}, pops: POPS.map(livePop) }),
};

const TOP: TopView = {
  atMs: 1000,
  qps: 1000,
  samples: 10,
  names: [
    { name: 'www.cdn.example.', qps: 900 },
    { name: 'api.cdn.example.', qps: 100 },
  ],
  rcodes: [{ name: 'NOERROR', qps: 1000 }],
  types: [{ name: 'A', qps: 1000 }],
  transports: [{ name: 'udp', qps: 1000 }],
  pops: [
    { code: 'FRA', state: 'up', qps: 800, loadRps: 900, capacityRps: 1000, priceMs: 1.5 },
    { code: 'GRU', state: 'drained', qps: 0, loadRps: 950, capacityRps: 1000, priceMs: 0 },
  ],
  cells: DEMAND.rows,
};

const WHAT_IF: WhatIfView = {
  without: [],
  basis: 'modelled: by hand',
  demandMoved: 0.5,
  cellsMoved: 1,
  cells: 2,
  rttChangeMs: { mean: 187, p50: 187, p95: 187, max: 187 },
  worst: [{ place: 'Mainz, DE', fromPop: 'FRA', toPop: 'GRU', fromMs: 7, toMs: 194, share: 0.5 }],
  pops: [{ code: 'GRU', beforeRps: 10, afterRps: 910, lowRps: 890, highRps: 930, capacityRps: 1000 }],
  overCapacity: [],
};

const CONTROL: ControlMetrics = {
  ticks: 3,
  lastTickMs: 4,
  totalTickMs: 15,
  totalPlanMs: 4,
  plannedBursts: { FRA: 12 },
  lostBursts: 1,
  failedTicks: 0,
  samples: 100,
  reportedAtMs: { FRA: 1_700_000_000_000 },
  refusedSamples: { 'too-fast': 2 },
  moves: { gain: 5 },
  cells: 6,
  cellsByDepth: { place: 4, network: 2, single: 0 },
  estimates: 9,
  alarms: 1,
  keptBack: 0,
  failOpen: 0,
  shortRps: 0,
  regretMs: { capacity: 0.5, terms: 0, held: 0.25 },
  election: ELECTION,
};

/** The admin API of two POPs, Frankfurt and São Paulo, on a memory store; its clock stands at 1000 ms. */
export function adminApi(
  options: { counters?: readonly CounterSnapshot[] } = {},
): AdminApi & { store: Store } {
  const nowMs = (): number => 1000;
  const store = createMemoryStore({ clock: { nowMs } });
  return {
    store,
    nowMs,
    popCodes: POPS.map(({ code }) => code),
    linkIds: (code) => POPS.find((one) => one.code === code)?.links.map(({ id }) => id) ?? [],
    status: async () => ({
      version: '1.2.3',
      role: 'up',
      cluster: 'isochrone',
      startedAtMs: 0,
      dns: ['127.0.0.1:5300'],
      zones: ['cdn.example'],
      serving: { workers: 2, sockets: 'native' },
      images: IMAGES,
      store: { address: 'memory', connected: true },
      table: TABLE,
      queryRates: { udp: 1234.4, tcp: 0 },
      pops: POPS,
      probers: [{ prober: 'ns:one:1', ageMs: 40, up: 1, down: [{ pop: 'GRU', why: 'refused' }] }],
      demand: DEMAND,
      attribution: ['IP Geolocation by DB-IP (https://db-ip.com)'],
    }),
    demand: (max) => ({ ...DEMAND, rows: DEMAND.rows.slice(0, max) }),
    live: liveApi,
    top: async () => TOP,
    explain: async ({ name, type, atMs }) => {
      const moment = { atMs: atMs ?? 0, isNow: false, words: `as of ${atMs}` };
      if (name === 'www.cdn.example') return explainView({ type, ...(atMs === undefined ? {} : { moment }) });
      throw new OperatorError('not-found', [{ file: 'request', message: `${name} is not steered` }]);
    },
    whatIf: async (without) => ({ ...WHAT_IF, without }),
    whatIfAhead: () => undefined,
    reloadZones: async () => [],
    secondaries: () => [],
    setOverride: (code, override) => store.setOverride(code, override),
    modelChanges: () => store.modelChanges(),
    setModelChange: (code, change) => store.setModelChange(code, change),
    notReady: () => undefined,
    metrics: async () => ({
      version: '1.2.3',
      role: 'serve',
      counters: options.counters ?? [],
      table: TABLE,
      images: IMAGES,
      nowMs: 1000,
      pops: POPS,
      store: {
        connected: true,
        errors: 0,
        memory: { usedOctets: 900_000, maxOctets: 1_000_000, evictedKeys: 3, evicts: true },
      },
      health: HEALTH,
      control: CONTROL,
    }),
  };
}
