import assert from 'node:assert/strict';
import { answer } from '../../src/answer/answer.ts';
import {
  type AnswerContext,
  createAnswerContext,
  type SteeringTable,
  type Transport,
} from '../../src/answer/context.ts';
import { buildRowMap, openRowMap } from '../../src/answer/row-map.ts';
import { compileService } from '../../src/answer/service.ts';
import { parseAddress } from '../../src/base/address.ts';
import { formatProblem } from '../../src/base/errors.ts';
import type { Fleet } from '../../src/base/fleet.ts';
import { popStateWords } from '../../src/base/pop-state.ts';
import type { ClientImage } from '../../src/geo/client-image.ts';
import { openImage, ROW_CANDIDATES, ROW_SHARES, SHARE_WHOLE, TOGETHER } from '../../src/steering/image.ts';
import { encodeImage, NO_LEAVES } from '../../src/steering/image-encode.ts';
import { parseName } from '../../src/wire/name.ts';
import { openZoneImage, type ZoneImage } from '../../src/zone/image.ts';
import { createZoneImageBuilder } from '../../src/zone/image-build.ts';
import { parseMaster } from '../../src/zone/master.ts';

/**
 * A small world to answer in: POPs FRA, IAD and NRT with links FRA-a, FRA-b, IAD-a, NRT-a; four places, of
 * which an address lies in the one that its first octet names, modulo 4. A place prefers the link of its
 * number, then the following ones.
 * NRT has no IPv6.
 */
export const POPS = ['FRA', 'IAD', 'NRT'] as const;
const LINKS = [
  { id: 'FRA-a', popIndex: 0, ipv4: '192.0.2.1', ipv6: '2001:db8::1' },
  { id: 'FRA-b', popIndex: 0, ipv4: '192.0.2.2', ipv6: '2001:db8::2' },
  { id: 'IAD-a', popIndex: 1, ipv4: '192.0.2.3', ipv6: '2001:db8::3' },
  { id: 'NRT-a', popIndex: 2, ipv4: '192.0.2.4' },
];
const SERVICES = [
  { name: 'web', groupIndex: 0, ttlMin: 20, ttlMax: 120, https: { alpn: ['h2', 'http/1.1'], port: 8443 } },
  { name: 'plain', groupIndex: 0, ttlMin: 5, ttlMax: 10 },
];
const PLACES = 4;
const ROW_TTL = 60;

export interface World {
  readonly context: AnswerContext;
  /** Sends octets as a client; undefined is silence. */
  readonly ask: (query: Uint8Array, options?: AskOptions) => Uint8Array | undefined;
}

export interface AskOptions {
  readonly from?: string;
  readonly port?: number;
  readonly transport?: Transport;
}

/** A world that serves these zones: pairs of origin and master file. */
export function createWorld(
  zones: readonly (readonly [origin: string, text: string])[],
  parts: Partial<Parameters<typeof createAnswerContext>[0]> = {},
): World {
  const fleet: Fleet = {
    pops: [],
    links: LINKS.map((link, index) => ({ ...link, index, transit: 'transit', capacityMbps: 1000 })),
    digest: 1,
  };
  const context = createAnswerContext({
    zones: zonesOf(zones),
    services: SERVICES.map((spec) => compileService(spec, fleet)),
    popState: popStateWords(POPS.length),
    linkPop: Int32Array.from(LINKS, (link) => link.popIndex),
    table: tableOf(LINKS.length),
    ...parts,
  });
  const out = new Uint8Array(65_535);
  return {
    context,
    ask: (query, options = {}) => {
      const { from = '0.0.0.1', port = 4000, transport = 'udp' } = options;
      const address = parseAddress(from);
      assert.ok(address);
      const length = answer(context, query, query.length, { address, port, transport }, out);
      return length === 0 ? undefined : out.slice(0, length);
    },
  };
}

/** The image of these zones, which must be sound: pairs of origin and master file. */
export function zonesOf(zones: readonly (readonly [origin: string, text: string])[]): ZoneImage {
  const services = SERVICES.map(({ name }) => name);
  const builder = createZoneImageBuilder({ services });
  for (const [origin, text] of zones) {
    const apex = parseName(origin) as Uint8Array;
    const { records, problems } = parseMaster({ text, file: origin, origin: apex, read: () => undefined });
    assert.deepEqual(problems.map(formatProblem), []);
    assert.deepEqual(builder.add(apex, records).map(formatProblem), []);
  }
  const image = openZoneImage(builder.finish({ source: '0123456789abcdef', madeAtMs: 0 }), { services });
  assert.ok(typeof image !== 'string', String(image));
  return image;
}

/**
 * The table of the small world: a place prefers the link of its number, then the following ones. `together`:
 * the links that clients of a second group get all in one answer.
 */
export function tableOf(linkCount: number, together?: readonly number[]): SteeringTable {
  const groupCount = together === undefined ? 1 : 2;
  const units = groupCount * PLACES;
  const candidates = new Int16Array(units * ROW_CANDIDATES).fill(-1);
  const shares = new Uint16Array(units * ROW_SHARES);
  for (let place = 0; place < PLACES; place++) {
    for (let k = 0; k < Math.min(linkCount, ROW_CANDIDATES); k++)
      candidates[place * ROW_CANDIDATES + k] = (place + k) % linkCount;
    if (together === undefined) continue;
    candidates.set(together, (PLACES + place) * ROW_CANDIDATES);
    for (let k = 0; k < together.length - 1; k++)
      shares[(PLACES + place) * ROW_SHARES + k] = (SHARE_WHOLE * (k + 1)) / together.length;
  }
  const bytes = encodeImage({
    epoch: 1,
    madeAtMs: 0,
    fleetDigest: 1,
    placesDigest: 1,
    groupCount,
    placeCount: PLACES,
    networkAsn: new Uint32Array(0),
    networkPlace: new Uint32Array(0),
    networkCount: 0,
    ...NO_LEAVES,
    rows: {
      cellStride: PLACES,
      candidates,
      shares,
      ttlSeconds: new Uint16Array(units).fill(ROW_TTL),
      ttlReason: new Uint8Array(units).fill(TOGETHER, PLACES),
    },
    termsText: new Uint8Array(0),
  });
  const opened = openImage(bytes, { fleetDigest: 1, placesDigest: 1 });
  assert.ok(typeof opened !== 'string', String(opened));
  const rows = openRowMap(buildRowMap(firstOctetClients(), opened));
  assert.ok(typeof rows !== 'string', String(rows));
  return { image: opened, rows };
}

/** The real client image needs a database of the whole Internet; what answers do with it does not. */
function firstOctetClients(): ClientImage {
  const start = Uint32Array.from({ length: 256 }, (_, octet) => octet * 2 ** 24);
  const site = Uint32Array.from(start, (_, octet) => octet % PLACES);
  const bucket = Uint32Array.from({ length: 65_537 }, (_, top) => Math.min(256, Math.ceil(top / 256)));
  return {
    siteCount: PLACES,
    sitePlace: Uint32Array.from({ length: PLACES }, (_, place) => place),
    siteAsn: new Uint32Array(PLACES),
    v4: { count: 256, bucket, start, site },
    v6: { count: 256, bucket, startHigh: start, startLow: new Uint32Array(256), site },
    databases: [],
    attribution: [],
  };
}
