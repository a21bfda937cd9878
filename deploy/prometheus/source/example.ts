import type { ImagesView, PopView, TableView } from '../../../src/console/api.ts';
import type { HealthMetrics } from '../../../src/console/api-health.ts';
import type { ControlMetrics } from '../../../src/console/metrics-view.ts';
import type { StoreMemory } from '../../../src/store/server.ts';

/** One of everything that a console's metrics are made of, so that every family has its labels. */

const ONE = { none: 1 };

export const TABLE: TableView = {
  epoch: 1,
  ageMs: 1,
  origin: '',
  rows: 1,
  octets: 1,
  map: { buildMs: 1, octets: 1 },
};

export const IMAGES: ImagesView = {
  zones: { madeAtMs: 0, octets: 1, origin: 'file', zones: 1, names: 1, records: 1 },
  clients: { madeAtMs: 0, octets: 1, origin: 'file', rangesIpv4: 1, rangesIpv6: 1, sites: 1 },
};

export const POP: PopView = {
  code: 'FRA',
  city: '',
  country: '',
  region: '',
  latitude: 0,
  longitude: 0,
  state: 'up',
  loadRps: 0,
  capacityRps: 1,
  priceMs: 0,
  biasMs: 0,
  share: 0,
  links: [{ id: 'FRA-a', transit: '', congestionMs: 0 }],
  agentStanding: 1,
};

export const MEMORY: StoreMemory = { usedOctets: 1, maxOctets: 1, evictedKeys: 0, evicts: false };

export const HEALTH: HealthMetrics = {
  checks: { made: 0, failed: 0, postponed: 0, viewsLost: 0 },
  watch: { views: 0, verdictChanges: 0, storeFailures: 0 },
  votes: [{ pop: 'FRA', up: 1, down: 0 }],
  verdictTimes: { count: 0, sumMs: 0, lastMs: 0 },
};

export const CONTROL: ControlMetrics = {
  ticks: 0,
  lastTickMs: 0,
  totalTickMs: 0,
  failedTicks: 0,
  totalPlanMs: 0,
  plannedBursts: ONE,
  lostBursts: 0,
  samples: 0,
  reportedAtMs: ONE,
  refusedSamples: ONE,
  moves: ONE,
  cells: 0,
  cellsByDepth: ONE,
  estimates: 0,
  alarms: 0,
  keptBack: 0,
  failOpen: 0,
  shortRps: 0,
  regretMs: ONE,
  election: { standing: 'leading', token: 0, changes: 0, fenced: 0, takeovers: 0, lastTakeoverMs: 0 },
};
