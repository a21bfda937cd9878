import { answer } from '../answer/answer.ts';
import { type AnswerContext, createAnswerContext } from '../answer/context.ts';
import { compileService, type ServiceSpec } from '../answer/service.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Fleet } from '../base/fleet.ts';
import { createLocator, type LocatorSources } from '../geo/locator.ts';
import { readPlaces } from '../geo/places.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import { compileZone } from '../zone/compile.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { createZones, type Zone } from '../zone/zone.ts';
import { countOutcome, type ServerCounters } from './counters.ts';
import type { Handler } from './handler.ts';

/**
 * Everything that answering is made from, in a form that can be posted to a thread: plain data, the bulk of
 * it in shared memory.
 */
export interface AnswerData {
  readonly zones: readonly { readonly origin: Uint8Array; readonly records: readonly ZoneRecord[] }[];
  /** What STEER records name, in the order of the steering image's groups' users. */
  readonly services: readonly ServiceSpec[];
  readonly fleet: Fleet;
  /** Text of places.csv and its name for messages. */
  readonly places: { readonly text: string; readonly file: string };
  readonly geo: Omit<LocatorSources, 'places'>;
  /** One word per POP (base/pop-state.ts), written by the control side. */
  readonly popState: Int32Array<SharedArrayBuffer>;
  /** Longest UDP response, octets. */
  readonly udpSizeMax: number;
}

/** A context for `answer`, and how to give it a steering image. */
export interface Answering {
  readonly context: AnswerContext;
  /** Answers from this image from now on; or says what is wrong with it and keeps the one before. */
  readonly setImage: (bytes: Uint8Array) => SteeringImage | string;
  /**
   * Finds clients with these databases from now on. Throws `OperatorError`, the old ones staying, if they
   * are bad.
   */
  readonly setGeo: (geo: AnswerData['geo']) => void;
}

/**
 * Builds what one thread answers from. Throws `OperatorError` with everything that is wrong with the data.
 */
export function createAnswering(data: AnswerData): Answering {
  const { fleet } = data;
  const places = readPlaces(data.places.text, data.places.file);
  const context = createAnswerContext({
    zones: createZones(compileZones(data)),
    services: data.services.map((service) => compileService(service, fleet)),
    locator: createLocator({ ...data.geo, places }),
    popState: data.popState,
    linkPop: Int32Array.from(fleet.links, (link) => link.popIndex),
    udpSizeMax: data.udpSizeMax,
  });
  const expected = { fleetDigest: fleet.digest, placesDigest: places.digest };
  return {
    context,
    setImage: (bytes) => {
      const image = openImage(bytes, expected);
      if (typeof image !== 'string') context.steering = image;
      return image;
    },
    setGeo: (geo) => {
      context.locator = createLocator({ ...geo, places });
    },
  };
}

/** The handler that answers from the context and counts what it decided. */
export function countingHandler(context: AnswerContext, counters: ServerCounters): Handler {
  return (query, length, client, out) => {
    const written = answer(context, query, length, client, out);
    countOutcome(counters, context.outcome);
    return written;
  };
}

function compileZones(data: AnswerData): Zone[] {
  const services = data.services.map((service) => service.name);
  const problems: Problem[] = [];
  const zones: Zone[] = [];
  for (const { origin, records } of data.zones) {
    const zone = compileZone(records, { origin, services });
    if ('apex' in zone) zones.push(zone);
    else problems.push(...zone);
  }
  if (problems.length > 0) throw new OperatorError('bad-zone', problems);
  return zones;
}
