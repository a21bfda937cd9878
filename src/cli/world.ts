import { dirname, resolve } from 'node:path';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { popStateWords } from '../base/pop-state.ts';
import type { Config } from '../config/config.ts';
import type { Locator } from '../geo/locator.ts';
import { type Places, readPlaces } from '../geo/places.ts';
import { type AnswerData, type Answering, createAnswering } from '../server/answering.ts';
import { serviceGroups } from '../steering/groups.ts';
import type { ServiceGroup } from '../steering/units.ts';
import { parseName } from '../wire/name.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { Terminal } from './command.ts';
import { readGeoData, readGeoFiles } from './geo-files.ts';
import { readZone } from './zone-file.ts';

/** Everything that is read at start: what the main thread and the serving threads work from. */
export interface World {
  readonly config: Config;
  readonly places: Places;
  readonly locator: Locator;
  /** What answers on this thread, for `explain`: made as in the serving threads. */
  readonly answering: Answering;
  readonly groups: readonly ServiceGroup[];
  /** Group of each service, in the configuration's order. */
  readonly groupOf: readonly number[];
  readonly popState: Int32Array<SharedArrayBuffer>;
  /** For the name server's threads. */
  readonly answerData: AnswerData;
  /** Of the geo databases that were read: see `fingerprint`. */
  readonly geoFingerprint: string;
}

/** Reads zones, places and geo databases. Throws `OperatorError` with every problem; prints warnings. */
export function loadWorld(config: Config, terminal: Terminal): World {
  const { fleet } = config;
  const zones = readZones(config, terminal);
  const { groups, groupOf } = serviceGroups(fleet.pops.length, config.services);
  const geoFiles = readGeoFiles(config);
  const placesFile = readGeoData('places.csv');
  const places = readPlaces(placesFile.text, placesFile.file);
  const { city4, city6, asn4, asn6 } = geoFiles;
  const geo = { city4, city6, asn4, asn6, overrides: config.networks };
  const popState = popStateWords(fleet.pops.length);
  const answerData: AnswerData = {
    zones,
    services: config.services.map((service, index) => ({
      name: service.name,
      groupIndex: must(groupOf[index], 'group of a service'),
      ttlMin: service.ttl.min,
      ttlMax: service.ttl.max,
      https: service.https,
    })),
    fleet,
    places: placesFile,
    geo,
    popState,
    udpSizeMax: config.dns.udpSizeMax,
  };
  const answering = createAnswering(answerData);
  return {
    config,
    places,
    locator: currentLocator(answering),
    answering,
    groups,
    groupOf,
    popState,
    answerData,
    geoFingerprint: geoFiles.fingerprint,
  };
}

/** The locator in use, whichever it is at the time of each call. */
function currentLocator({ context }: Answering): Locator {
  return {
    locate: (address, into) => context.locator.locate(address, into),
    describe: (address) => context.locator.describe(address),
    get attribution() {
      return context.locator.attribution;
    },
    get databases() {
      return context.locator.databases;
    },
  };
}

/** Absolute path of the folder for snapshots and certificates. */
export function stateFolder(config: Config): string {
  return resolve(dirname('.'), config.state);
}

function readZones(config: Config, terminal: Terminal): AnswerData['zones'] {
  const services = config.services.map(({ name }) => name);
  const problems: ZoneProblem[] = [];
  const zones = config.zones.map(({ origin, file, place }) => {
    const read = readZone({ origin, file, services, namedAt: { file: config.file, ...place } }, terminal);
    problems.push(...read.problems);
    const name = parseName(origin);
    return { origin: typeof name === 'string' ? new Uint8Array() : name, records: read.records };
  });
  const errors = problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new OperatorError('bad-zone', errors);
  for (const { file, line, message } of problems) terminal.err(`warning: ${file}:${line ?? 1}: ${message}`);
  return zones;
}
