import { emptyOutcome } from '../answer/context.ts';
import { resolveSteered } from '../answer/steered.ts';
import type { Address } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { seededRandom } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import { formatEndpoint, isLoopback } from '../config/scalars.ts';
import { createBeacon } from '../probe/beacon.ts';
import type { TlsFiles } from '../probe/ingest-listen.ts';
import { type Ingest, startIngest } from '../probe/ingest-server.ts';
import { createTokens } from '../probe/ingest-tokens.ts';
import { candidate, ROW_CANDIDATES } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { readPair } from './certificate.ts';
import type { Terminal } from './command.ts';
import { systemClock } from './live.ts';
import type { CloseLater } from './long-running.ts';
import type { World } from './world.ts';

/** What `startConfiguredIngest` needs. */
export interface ConfiguredIngest {
  readonly config: Config;
  readonly store: Store;
  /** POPs that browsers of a client are best told of; absent: any. */
  readonly preferred?: (client: Address) => readonly number[];
  /** Where the configuration has none: of the demo. */
  readonly defaults?: { readonly tls: TlsFiles; readonly beaconUrl: string } | undefined;
  /** Whether a process that replaces this one may listen there as well. */
  readonly isShared?: boolean;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
  readonly closeLater: CloseLater;
}

/** Of the beacon, where the configuration says nothing of it: as in its schema. */
const BEACON_DEFAULTS = { pops: 4, postsPerNetwork: 6, samplesPerPop: 600 };

/**
 * Starts the listener of `listen.ingest`; undefined where there is to be none. Throws `OperatorError` with
 * everything that stands against it.
 */
export async function startConfiguredIngest(options: ConfiguredIngest): Promise<Ingest | undefined> {
  const { config, store, defaults, preferred = () => [], isShared = false, log, closeLater } = options;
  const { listen, fleet, ingest: settings } = config;
  if (listen.ingest === 'off') return undefined;
  const tls = readTls(options) ?? defaults?.tls;
  const place = `ingest ${formatEndpoint(listen.ingest)}`;
  if (tls === undefined && !isLoopback(listen.ingest.host)) {
    const message = 'others can reach this address, and could read the tokens: set ingest.tls';
    throw new OperatorError('bad-config', [{ file: place, message }]);
  }
  const url = settings.beacon?.url ?? defaults?.beaconUrl;
  const beacon =
    url === undefined
      ? undefined
      : createBeacon({
          settings: { ...BEACON_DEFAULTS, ...settings.beacon, url },
          fleet,
          store,
          clock: systemClock,
          random: seededRandom(systemClock.nowMs()),
          preferred,
        });
  const ingest = await startIngest({
    listen: listen.ingest,
    tls,
    isShared,
    tokens: createTokens(settings.tokens),
    proxies: settings.proxies,
    store,
    beacon,
    clock: systemClock,
    onError: (error) => log(`ingest: ${error instanceof Error ? error.stack : String(error)}`),
  });
  closeLater(ingest.close);
  const agents = Object.keys(settings.tokens).length;
  const browsers = beacon === undefined ? '' : ', and of browsers (/beacon.js)';
  log(`ingest ${ingest.url}: takes what agents of ${agents} POPs send${browsers}`);
  return ingest;
}

/**
 * Whom a client is best measured from: the POPs of its row in the table in use, for the first service, in
 * order.
 */
export function preferredFrom({ answering }: World): (client: Address) => readonly number[] {
  const { context } = answering;
  const outcome = emptyOutcome();
  return (client) => {
    const image = context.table?.image;
    if (image === undefined || context.services.length === 0) return [];
    if (!resolveSteered(context, 0, client, outcome)) return [];
    const pops: number[] = [];
    for (let k = 0; k < ROW_CANDIDATES; k++) {
      const pop = context.linkPop[candidate(image, outcome.row, k)];
      if (pop !== undefined && !pops.includes(pop)) pops.push(pop);
    }
    return pops;
  };
}

function readTls({ config, terminal }: ConfiguredIngest): TlsFiles | undefined {
  const { tls } = config.ingest;
  return tls && readPair(tls, terminal);
}
