import { cookieWords } from '../answer/cookies.ts';
import { must } from '../base/assert.ts';
import { type ClientImage, locate } from '../geo/client-image.ts';
import type { Locator } from '../geo/locator.ts';
import { type AnswerData, type Answering, createAnswering } from '../server/answering.ts';
import type { Terminal } from './command.ts';
import { createDescriber, type Describer } from './describer.ts';
import type { Ground } from './ground.ts';
import { type LoadedImage, type LoadingImages, loadImages } from './images.ts';
import type { CloseLater } from './long-running.ts';
import { produceCatalogs } from './produce-catalogs.ts';
import { serverFacts } from './server-facts.ts';
import { transferData } from './zone-transfers.ts';

/** Everything that is read at start: what the main thread and the serving threads work from. */
export interface World extends Ground {
  /** What answers on this thread, for `explain`: opened from the very octets of the serving threads. */
  readonly answering: Answering;
  /** Finds clients by the image in use, whichever that is at the time of a call. */
  readonly locator: Locator;
  /** For the name server's threads. */
  readonly answerData: AnswerData;
  readonly images: ImagesInUse;
  /** Says where addresses are, in words. */
  readonly describer: Describer;
}

/** The images that this process answers from. */
export interface ImagesInUse {
  /** Replaced when zones are read again, signatures are renewed and keys move on. */
  zones: LoadedImage;
  /** Replaced when the geo databases change. */
  clients: LoadedImage;
}

/**
 * Starts loading the images: it goes on in other threads while this one does something else. `othersAnswer`:
 * the process that this one replaces does meanwhile.
 */
export function startImages(
  ground: Ground,
  options: {
    readonly terminal: Terminal;
    readonly othersAnswer?: boolean;
    readonly closeLater: CloseLater;
  },
): LoadingImages {
  const { terminal, othersAnswer = false, closeLater } = options;
  writeCatalogs(ground, terminal);
  const loading = loadImages(ground, terminal, othersAnswer);
  closeLater(loading.cancel);
  return loading;
}

/** Catalogs of ours are among the zones. */
function writeCatalogs({ config }: Ground, terminal: Terminal): void {
  try {
    produceCatalogs(config);
  } catch (error) {
    terminal.err(`warning: a catalog cannot be written: ${(error as Error).message}`);
  }
}

/** Waits for the images and opens them. Throws `OperatorError` with every problem of their sources. */
export async function openWorld(
  ground: Ground,
  loading: LoadingImages,
  options: { readonly terminal: Terminal; readonly closeLater: CloseLater },
): Promise<World> {
  const { terminal, closeLater } = options;
  const images: ImagesInUse = { zones: await loading.zones, clients: await loading.clients };
  const { config, groupOf, places, popState } = ground;
  const answerData: AnswerData = {
    zones: images.zones.bytes,
    clients: images.clients.bytes,
    services: serviceSpecs(config.services, groupOf),
    fleet: config.fleet,
    placesDigest: places.digest,
    popState,
    stale: new Int32Array(new SharedArrayBuffer(4)),
    udpSizeMax: config.dns.udpSizeMax,
    transfers: transferData(ground),
    cookies: cookieWords(),
    insistsOnCookies: config.dns.cookies.insist,
    facts: serverFacts(config, terminal),
  };
  const describer = createDescriber(config);
  closeLater(describer.close);
  const answering = createAnswering(answerData);
  return { ...ground, answering, locator: currentLocator(answering.clients), answerData, images, describer };
}

/** What answers of each service are made with. */
export function serviceSpecs(
  services: Ground['config']['services'],
  groupOf: readonly number[],
): AnswerData['services'] {
  return services.map((service, index) => ({
    name: service.name,
    groupIndex: must(groupOf[index], 'group of a service'),
    ttlMin: service.ttl.min,
    ttlMax: service.ttl.max,
    ipv6Index: service.ipv6Index,
    https: service.https,
  }));
}

/** Finds clients by whichever image `clients` gives at the time of a call. */
export function currentLocator(clients: () => ClientImage): Locator {
  return {
    locate: (address, into) => locate(clients(), address, into),
    get attribution() {
      return clients().attribution;
    },
    get databases() {
      return clients().databases;
    },
  };
}
