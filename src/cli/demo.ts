import { formatAddress } from '../base/address.ts';
import { seededRandom } from '../base/random.ts';
import { createNetModel } from '../netmodel/model.ts';
import { readClientNetworks } from '../netmodel/networks.ts';
import { developmentCertificate } from '../pop/authority.ts';
import { followOutages } from '../pop/outages.ts';
import type { Choice } from '../pop/page.ts';
import { startPops } from '../pop/pops.ts';
import { startModelledAgents } from '../probe/modelled.ts';
import { choose, rowOf } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { TYPE } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import { decide, type ExplainParts, explainDecided, explainView } from './explain-view.ts';
import { readGeoData } from './geo-files.ts';
import { systemClock } from './live.ts';
import type { CloseLater } from './long-running.ts';
import { stateFolder, type World } from './world.ts';

/** The modelled part of `up`. */
export interface Demo {
  /** Certificate of the development authority: for `curl --cacert`. */
  readonly caFile: string;
  /** Addresses that answer HTTPS. */
  readonly popAddresses: number;
  readonly popPort: number;
  readonly networks: number;
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
  readonly closeLater: CloseLater;
}

/** POPs shown on a POP's page. */
const ROWS_SHOWN = 8;
const TERMS = ['rtt', 'loss', 'congestion', 'price', 'bias'] as const;

/** Starts the POPs on loopback addresses and the agents that measure the modelled internet. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const { world, store, popPort, seed, log, closeLater } = options;
  const { fleet, zones } = world.config;
  const { certificate, key, caFile } = developmentCertificate({
    folder: stateFolder(world.config),
    domains: zones.map(({ origin }) => origin.replace(/\.$/, '')),
    clock: systemClock,
    log,
  });
  const explain = (host: string, client: Parameters<typeof choiceFor>[1]['client']) =>
    choiceFor(options, { host, client });
  const pops = await startPops({ fleet, port: popPort, certificate, key, explain, log });
  closeLater(pops.close);
  closeLater(followOutages({ store, fleet, pops, log }));
  const file = readGeoData('networks.csv');
  const networks = readClientNetworks(file.text, file.file);
  const { places, answering, popState } = world;
  const { context } = answering;
  const group = world.groupOf[0] ?? 0;
  const agents = startModelledAgents({
    store,
    model: createNetModel({ fleet, places, seed }),
    fleet,
    networks,
    places,
    service: world.config.services[0]?.name ?? '',
    chooseLink: (placeId, asn) => {
      const image = context.steering;
      return image === undefined
        ? -1
        : choose(image, rowOf(image, group, placeId, asn), popState, context.linkPop);
    },
    clock: systemClock,
    random: seededRandom(seed),
    log,
  });
  closeLater(agents.close);
  return { caFile, popAddresses: pops.addressCount, popPort, networks: networks.length };
}

/** Why a client of a host gets its POP, for the POPs' own pages. */
function choiceFor(
  options: DemoOptions,
  question: { readonly host: string; readonly client: Parameters<typeof formatAddress>[0] },
): Choice | undefined {
  const { explain, packed } = options;
  const name = parseName(question.host, ROOT_NAME);
  if (typeof name === 'string') return undefined;
  const decided = decide(options.world, { name, type: TYPE.A, client: question.client });
  if (decided === undefined) return undefined;
  const { image, outcome } = decided;
  const keys = explain.explainer.keysOf(image, outcome.placeId, outcome.asn);
  const explanation = explainDecided(explain, decided, {
    place: packed(keys.place),
    network: keys.network === undefined ? undefined : packed(keys.network),
  });
  const asked = { name: question.host, type: 'A', client: formatAddress(question.client) };
  const view = explainView(explain, asked, { decided, explanation });
  return {
    service: view.service,
    client: view.cell.label,
    pop: view.chosen.pop,
    ttlSeconds: view.ttl.seconds,
    terms: TERMS,
    rows: explanation.pops.slice(0, ROWS_SHOWN).map((pop) => ({
      pop: pop.pop,
      city: pop.city,
      link: pop.link,
      terms: [pop.rttMs, pop.lossMs, pop.congestionMs, pop.priceMs, pop.biasMs],
      scoreMs: pop.scoreMs,
      verdict:
        pop.out ??
        (pop.pop === view.chosen.pop ? 'chosen' : pop.pop === view.runnerUp?.pop ? 'runner-up' : ''),
    })),
    source: explanation.pops.some(({ rttSource }) => rttSource === 'measured') ? 'measured' : 'modelled',
  };
}
