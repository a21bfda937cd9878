import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatRecord } from '../../src/zone/format.ts';
import { openZoneImage, type ZoneImage } from '../../src/zone/image.ts';
import { imageOf, makeKeys, signText } from '../helpers/signed-zones.ts';
import { file } from './generate.ts';
import type { Shape } from './shapes.ts';

/** Zones that were signed: what we answer from, and the same as master files for others. */
export interface SignedZones {
  readonly image: ZoneImage;
  readonly zones: Readonly<Record<string, string>>;
}

/** Records that signing makes: a zone that has its own cannot be signed. */
const MADE_BY_SIGNING = /^\S+ (?:RRSIG|DNSKEY|NSEC) /;
/** A longer name, in octets, in a zone with NSEC3 ends NSD 4.6.1: a wildcard below it has no room. */
const WILDCARD_ROOM = 252;

/** Signs all of the zones, each with a key of its own. */
export function signShapes(shapes: readonly Shape[], denial: 'nsec' | 'nsec3'): SignedZones {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-signed-'));
  try {
    const ground = { services: [], fleet: { pops: [], links: [], digest: 1 }, folder };
    const signed = shapes.map(({ origin, lines }) => {
      const own = lines.filter(
        (line) =>
          !MADE_BY_SIGNING.test(line) && (denial === 'nsec' || octetsOf(line, origin) <= WILDCARD_ROOM),
      );
      const zone = { origin: `${origin}.`, text: file(['$TTL 3600', ...own]), dnssec: { denial } };
      makeKeys(zone, folder);
      return [zone, signText(zone, ground)] as const;
    });
    const services = ['web', 'plain'];
    const image = openZoneImage(imageOf(signed, [], services), { services });
    if (typeof image === 'string') throw new Error(image);
    const texts = signed.map(([{ origin }, { records }]) => [origin.slice(0, -1), file(records.map(lineOf))]);
    return { image, zones: Object.fromEntries(texts) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Octets of the owner of a line; escapes count for more than they are. */
function octetsOf(line: string, origin: string): number {
  return line.split(' ', 1).join().length + origin.length + 3;
}

/**
 * A record as all of them read it: NSD 4.6 takes a label that ends with an escaped backslash wrongly, and
 * Knot wants more escaped than RFC 1035 §5.1 does. Numbers are read alike.
 */
function lineOf(record: Parameters<typeof formatRecord>[0]): string {
  const number = (char: string): string => `\\${String(char.charCodeAt(0)).padStart(3, '0')}`;
  return formatRecord(record)
    .replace(/\\([^\d#])/g, (_, char: string) => number(char))
    .replace(/[[`{]/g, number);
}
