import { emptyOutcome } from '../answer/context.ts';
import { resolveSteered, splitHash } from '../answer/steered.ts';
import { type Address, parseAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import { mix32, seededRandom } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import type { PopsApi } from '../console/api-pops.ts';
import { createNetModel } from '../netmodel/model.ts';
import { type ClientNetwork, readClientNetworks } from '../netmodel/networks.ts';
import { developmentCertificate, type PopCertificate } from '../pop/authority.ts';
import { BEACON_OBJECT_PATH } from '../pop/beacon-page.ts';
import { followInvalidations } from '../pop/invalidations.ts';
import { followOutages } from '../pop/outages.ts';
import type { Choice } from '../pop/page.ts';
import type { Ingest } from '../probe/ingest-server.ts';
import { startModelledAgents } from '../probe/modelled.ts';
import type { ChooseLink } from '../probe/traffic.ts';
import { choose, isSplit } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { TYPE } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import { decide, type ExplainParts, explainDecided } from './explain-view.ts';
import { readGeoData } from './geo-files.ts';
import { stateFolder } from './ground.ts';

import type { ConfiguredIngest } from './ingest.ts';
import { systemClock } from './live.ts';
import type { CloseLater } from './long-running.ts';
import type { PopAnswer, PopQuestion } from './pop-messages.ts';
import { type PopTier, startPopTier } from './pop-tier.ts';
import { createPopsApi } from './pops-api.ts';
import type { World } from './world.ts';

/** The modelled part of `up`. */
export interface Demo {
  /** Certificate of the development authority: for `curl --cacert`. */
  readonly caFile: string;
  /** Addresses that answer HTTPS. */
  readonly popAddresses: number;
  readonly popPort: number;
  readonly networks: number;
  /** The listener for agents and browsers; undefined: there is none. */
  readonly ingest: Ingest | undefined;
  readonly pops: PopTier;
  readonly popsApi: PopsApi;
}

/** What the modelled part needs. */
export interface DemoOptions {
  readonly world: World;
  readonly store: Store;
  readonly explain: ExplainParts;
  /** Packed estimates by cell key. */
  readonly packed: (key: string) => Uint8Array | undefined;
  readonly popPort: number;
  readonly seed: number;
  readonly log: (message: string) => void;
  /** Resolves when there is a table: modelled clients ask for their POPs as soon as they are there. */
  readonly mapped: Promise<unknown>;
  /** Starts the listener for agents and browsers, where there is to be one. */
  readonly startIngest: (defaults: ConfiguredIngest['defaults']) => Promise<Ingest | undefined>;
  readonly closeLater: CloseLater;
}

/** Zones that the modelled POPs' certificate is for. */
const DOMAINS_MAX = 100;
/** Where the listener for agents and browsers mostly is. */
const LOCALHOST = '127.0.0.1';
/** Addresses that the certificate is for, beside that one: each handshake carries them. */
const ADDRESSES_MAX = 400;
/** Threads of the POPs: this machine has the name server and the control loop too. */
const THREADS = 1;
/** POPs shown on a POP's page. */
const ROWS_SHOWN = 8;
const TERMS = ['rtt', 'loss', 'congestion', 'price', 'bias'] as const;

/** Starts the POPs on loopback addresses and the agents that measure the modelled internet. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { world, store, popPort, seed, log, closeLater } = options;
  const { fleet } = world.config;
  const popCertificate = demoCertificate(world.config, log);
  const ingest = await options.startIngest({
    tls: popCertificate,
    beaconUrl: `https://{ipv4}:${popPort}${BEACON_OBJECT_PATH}`,
  });
  const beaconScript = ingest && `${ingest.url}/beacon.js`;
  const pops = await startPopTier({
    config: world.config,
    anyAddress: false,
    port: popPort,
    certificate: popCertificate,
    beaconScript,
    answer: (question) => answerOf(options, question),
    threads: THREADS,
    popState: world.popState,
    believesClients: true,
    clients: () => world.images.clients.bytes,
    places: world.places,
    log,
    closeLater,
  });
  closeLater(followOutages({ store, fleet, pops, log }));
  const follower = followInvalidations({ store, invalidate: pops.invalidate, log });
  closeLater(follower.stop);
  const file = readGeoData('networks.csv');
  const networks = readClientNetworks(file.text, file.file);
  const { places } = world;
  const model = createNetModel({ fleet, places, seed });
  await options.mapped;
  const agents = startModelledAgents({
    store,
    model,
    fleet,
    networks,
    places,
    service: world.config.services[0]?.name ?? '',
    chooseLink: linkChooser(world, networks),
    served: pops.load,
    clock: systemClock,
    random: seededRandom(seed),
    log,
  });
  closeLater(agents.close);
  const { caFile } = popCertificate;
  const popsApi = createPopsApi({ world, store, pops, follower, model, port: popPort, caFile });
  return {
    caFile,
    popAddresses: pops.addressCount,
    popPort,
    networks: networks.length,
    ingest,
    pops,
    popsApi,
  };
}

/**
 * The certificate of the development authority for the zones' names, the POPs' addresses and this machine;
 * made where there is none.
 */
export function demoCertificate(config: Config, log: (message: string) => void): PopCertificate {
  const { fleet, zones } = config;
  return developmentCertificate({
    folder: stateFolder(config),
    domains: zones.slice(0, DOMAINS_MAX).map(({ origin }) => origin.replace(/\.$/, '')),
    addresses: [LOCALHOST, ...loopbackAddresses(fleet).slice(0, ADDRESSES_MAX)],
    clock: systemClock,
    log,
  });
}

function loopbackAddresses({ links }: Fleet): string[] {
  return links.flatMap(({ ipv4 }) => (ipv4?.startsWith('127.') === true ? [ipv4] : []));
}

/**
 * What clients of a network are answered with for the first service: decided as for a query. Parts of it
 * beyond the first are taken for other networks of its AS there, which have other parts of a split row.
 */
function linkChooser(world: World, networks: readonly ClientNetwork[]): ChooseLink {
  const { context } = world.answering;
  const addresses = new Map(networks.map(({ prefixText, prefix }) => [prefixText, prefix.address]));
  const outcome = emptyOutcome();
  return (network, part) => {
    const address = addresses.get(network);
    if (address === undefined || context.services.length === 0) return -1;
    if (!resolveSteered(context, 0, address, outcome)) return -1;
    const image = context.table?.image;
    if (part === 0 || image === undefined || !isSplit(image, outcome.row)) return outcome.linkIndex;
    const hash = mix32(splitHash(address, 0) + part);
    return choose(image, outcome.row, world.popState, context.linkPop, hash);
  };
}

/** What the POPs cannot know. */
function answerOf(options: DemoOptions, question: PopQuestion): PopAnswer {
  return question.name === 'explain' ? choiceFor(options, question) : serviceOf(options.world, question.host);
}

/** Service of a host: what is asked of POPs is demand for it. */
function serviceOf(world: World, host: string): string | undefined {
  // They listen before there is a table, and are asked nothing then.
  if (world.answering.context.table === undefined) throw new Error('there is no table yet');
  const name = parseName(host, ROOT_NAME);
  const client = must(parseAddress(LOCALHOST), 'address');
  const decided = typeof name === 'string' ? undefined : decide(world, { name, type: TYPE.A, client });
  return decided && world.config.services[decided.outcome.serviceIndex]?.name;
}

/** Why a client of a host gets its POP, for the POPs' own pages. */
function choiceFor(
  options: DemoOptions,
  question: { readonly host: string; readonly client: Address },
): Choice | undefined {
  const { explain, packed } = options;
  const name = parseName(question.host, ROOT_NAME);
  if (typeof name === 'string') return undefined;
  const decided = decide(options.world, { name, type: TYPE.A, client: question.client });
  if (decided === undefined) return undefined;
  const { image, located } = decided;
  const keys = explain.explainer.keysOf(image, located);
  const find = (key: string | undefined) => (key === undefined ? undefined : packed(key));
  const { place, network, leaf } = keys;
  const own = { place: find(place), network: find(network), leaf: find(leaf) };
  const explanation = explainDecided(explain, decided, own);
  const { chosen, runnerUp } = explanation;
  return {
    service: options.world.config.services[decided.outcome.serviceIndex]?.name ?? '',
    client: explanation.cell.label,
    pop: chosen.pop,
    ttlSeconds: decided.outcome.ttl,
    terms: TERMS,
    rows: explanation.pops.slice(0, ROWS_SHOWN).map((pop) => ({
      pop: pop.pop,
      city: pop.city,
      link: pop.link,
      terms: [pop.rttMs, pop.lossMs, pop.congestionMs, pop.priceMs, pop.biasMs],
      scoreMs: pop.scoreMs,
      verdict: pop.out ?? (pop.pop === chosen.pop ? 'chosen' : pop.pop === runnerUp?.pop ? 'runner-up' : ''),
    })),
    source: explanation.pops.some(({ rttSource }) => rttSource === 'measured') ? 'measured' : 'modelled',
  };
}
