import type { Clock } from '../base/clock.ts';
import { OperatorError } from '../base/errors.ts';
import type { CatchmentPlace, CatchmentsView } from '../console/api-live.ts';
import type { ClientImage } from '../geo/client-image.ts';
import { WORLD_PLACE } from '../geo/places.ts';
import { describeCell } from '../steering/cells.ts';
import type { SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { type Catchment, catchmentOf, placeWeights, SHARE_STEPS } from './catchment.ts';
import { type CatchmentLog, createCatchmentLog, packWeight, unpackWeight } from './catchment-log.ts';
import { ANY_SERVICE, type ClientWeights, weightsOfAddresses, weightsOfDemand } from './client-weights.ts';
import type { Ground } from './ground.ts';

/** Who gets which POP, now and in the last hour. */
export interface Catchments {
  /** Of a service, by its position; `atMs`: at the kept moment nearest to it. */
  readonly view: (service: number, atMs: number | undefined) => Promise<CatchmentsView>;
  /** Call it at each step of the history: keeps what is due. */
  readonly keep: () => Promise<void>;
  /** What is kept takes so much memory, octets. */
  readonly octets: () => number;
}

/** What catchments are made from. */
export interface CatchmentSources {
  readonly ground: Ground;
  /** The steering table in use. */
  readonly image: () => SteeringImage | undefined;
  readonly clients: () => ClientImage;
  readonly store: Pick<Store, 'demand' | 'state'>;
  readonly clock: Clock;
}

/** Places of a reply. */
const PLACES_MAX = 4_000;
/** Catchments are kept so often, ms, and so many. */
const KEPT_EVERY_MS = 60_000;
const KEPT_MAX = 60;
/** Service groups whose catchments are kept: those of the first services. */
const GROUPS_KEPT = 4;
/** The demand is asked for anew after this, ms: while somebody looks, and for what is kept. */
const DEMAND_MS = 20_000;
const DEMAND_UNSEEN_MS = 300_000;
/** Services whose catchment is remembered until rows, states or demand change. */
const REMEMBERED_MAX = 8;

/** Who asks for what. */
interface Known {
  readonly weights: ClientWeights;
  /** When it was read, ms since 1970 UTC. */
  readonly sinceMs: number;
  /** Image whose addresses stand for demand; undefined: it was reported. */
  readonly from: ClientImage | undefined;
}

interface Made {
  /** Epoch, states of the POPs, and age of the demand that it was made from. */
  readonly stamp: string;
  readonly catchment: Promise<Catchment>;
}

interface State {
  readonly sources: CatchmentSources;
  readonly serviceOf: ReadonlyMap<string, number>;
  readonly linkPop: Int32Array;
  readonly logs: ReadonlyMap<number, CatchmentLog>;
  /** By service. */
  readonly made: Map<number, Made>;
  known: Known | undefined;
  /** Under way. */
  reading: Promise<Known> | undefined;
  keptAtMs: number;
}

/** Nothing is made before somebody asks, or it is to be kept. */
export function createCatchments(sources: CatchmentSources): Catchments {
  const { ground, clock } = sources;
  const { fleet, services } = ground.config;
  const keptGroups = [...new Set(ground.groupOf)].slice(0, GROUPS_KEPT);
  const state: State = {
    sources,
    serviceOf: new Map(services.map(({ name }, index) => [name, index])),
    linkPop: Int32Array.from(fleet.links, ({ popIndex }) => popIndex),
    logs: new Map(keptGroups.map((group) => [group, createCatchmentLog(KEPT_MAX)])),
    made: new Map(),
    known: undefined,
    reading: undefined,
    keptAtMs: 0,
  };
  return {
    view: (service, atMs) => viewOf(state, service, atMs),
    keep: async () => {
      const nowMs = clock.nowMs();
      if (nowMs - state.keptAtMs < KEPT_EVERY_MS || sources.image() === undefined) return;
      state.keptAtMs = nowMs;
      for (const [group, log] of state.logs) {
        const made = await current(state, ground.groupOf.indexOf(group), DEMAND_UNSEEN_MS);
        const weight = Uint16Array.from(weightsIn(state, made), packWeight);
        log.add(nowMs, made.epoch, { ...made.catchment, weight });
      }
    },
    octets: () => [...state.logs.values()].reduce((sum, log) => sum + log.octets(), 0),
  };
}

async function viewOf(state: State, service: number, atMs: number | undefined): Promise<CatchmentsView> {
  const { ground, clock } = state.sources;
  const { services, fleet } = ground.config;
  const now = await current(state, service, DEMAND_MS);
  const shown = (atMs === undefined ? undefined : keptAt(state, service, atMs)) ?? {
    ...now.catchment,
    atMs: clock.nowMs(),
    epoch: now.epoch,
    weights: weightsIn(state, now),
    weightsOf: service,
  };
  return {
    service: services[service]?.name ?? '',
    services: services.map(({ name }) => name),
    weightsOf: services[shown.weightsOf]?.name ?? '',
    epoch: shown.epoch,
    atMs: shown.atMs,
    pops: fleet.pops.map(({ code }) => code),
    places: heaviestPlaces(ground, shown, shown.weights),
  };
}

/** By place: its part 0..1 of all demand. */
function weightsIn(
  { sources }: State,
  now: Pick<Awaited<ReturnType<typeof current>>, 'weights' | 'counted'>,
) {
  return placeWeights(now.weights, sources.ground.places.count, now.counted);
}

/** What was kept nearest to a time; undefined where now is nearer. */
function keptAt({ sources, logs }: State, service: number, atMs: number) {
  const { groupOf } = sources.ground;
  const group = groupOf[service] ?? -1;
  const log = logs.get(group);
  const message = `catchments of the past are kept of the first ${GROUPS_KEPT} groups of services alone`;
  if (log === undefined) throw new OperatorError('not-found', [{ file: 'service', message }]);
  const kept = log.nearest(atMs);
  if (kept === undefined || Math.abs(sources.clock.nowMs() - atMs) < Math.abs(kept.atMs - atMs))
    return undefined;
  const weights = Float64Array.from(kept.weight, unpackWeight);
  return { ...kept, weights, weightsOf: groupOf.indexOf(group) };
}

/** The catchment by the rows in use, remembered as long as nothing changes. */
async function current(state: State, service: number, demandMs: number) {
  const { sources, made, linkPop } = state;
  const { ground } = sources;
  const { weights, sinceMs } = await demandNow(state, demandMs);
  const image = sources.image();
  const message = 'there is no steering table yet';
  if (image === undefined) throw new OperatorError('not-found', [{ file: 'catchments', message }]);
  const { popState } = ground;
  const isAsked = weights.service.some((one) => one === service || one === ANY_SERVICE);
  const counted = isAsked ? service : ANY_SERVICE;
  const stamp = [image.epoch, image.madeAtMs, sinceMs, ...popState].join();
  let own = made.get(service);
  if (own?.stamp !== stamp) {
    const groupIndex = ground.groupOf[service] ?? 0;
    const parts = { image, groupIndex, popState, linkPop, clients: weights, service: counted };
    own = { stamp, catchment: catchmentOf(parts) };
    made.delete(service);
    made.set(service, own);
    const [oldest] = made.keys();
    if (made.size > REMEMBERED_MAX && oldest !== undefined) made.delete(oldest);
  }
  return { epoch: image.epoch, weights, counted, catchment: await own.catchment };
}

/** Who asks for what; read anew once it is older than that. */
function demandNow(state: State, maxAgeMs: number): Promise<Known> {
  const { known, sources } = state;
  const nowMs = sources.clock.nowMs();
  const isGood = known !== undefined && (known.from === undefined || known.from === sources.clients());
  if (isGood && nowMs - known.sinceMs <= maxAgeMs) return Promise.resolve(known);
  state.reading ??= readDemand(state, nowMs)
    .then((read) => {
      state.known = read;
      return read;
    })
    .finally(() => {
      state.reading = undefined;
    });
  return state.reading;
}

/** As the POPs reported it, else by addresses. A store that is away changes nothing. */
async function readDemand({ sources, serviceOf, known }: State, sinceMs: number): Promise<Known> {
  const { store, ground } = sources;
  const from = sources.clients();
  const demand = store.state().connected ? await store.demand().catch(() => undefined) : undefined;
  if (demand === undefined && known?.from === undefined && known !== undefined) return { ...known, sinceMs };
  const reported = await weightsOfDemand(demand ?? [], { clients: from, serviceOf });
  if (reported !== undefined) return { weights: reported, sinceMs, from: undefined };
  if (known?.from === from) return { ...known, sinceMs };
  return { weights: await weightsOfAddresses(from, ground.places.count), sinceMs, from };
}

/** Of the world as such nobody knows where it is. */
function heaviestPlaces(
  ground: Ground,
  { popOf, share }: Catchment,
  weights: Float64Array,
): CatchmentPlace[] {
  const { places } = ground;
  const ids = Array.from(weights.keys()).filter((id) => id !== WORLD_PLACE && (weights[id] as number) > 0);
  ids.sort((one, other) => (weights[other] as number) - (weights[one] as number));
  return ids
    .slice(0, PLACES_MAX)
    .map((id) => [
      places.key[id] ?? '',
      describeCell(places, id, 0).label,
      rounded(places.latitude[id] as number, 2),
      rounded(places.longitude[id] as number, 2),
      Number((weights[id] as number).toPrecision(4)),
      popOf[id] ?? -1,
      rounded((share[id] ?? 0) / SHARE_STEPS, 3),
    ]);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
