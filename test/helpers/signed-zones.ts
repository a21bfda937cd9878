import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { formatProblem } from '../../src/base/errors.ts';
import type { SigningGround } from '../../src/cli/candidate-sources.ts';
import { type AlgorithmName, generateKey, readKeys } from '../../src/cli/key-files.ts';
import { type SignedByFiles, signByFiles } from '../../src/cli/zone-signer.ts';
import { dnssecSchema } from '../../src/config/schema-dnssec.ts';
import type { AnswerData } from '../../src/server/answering.ts';
import { TYPE } from '../../src/wire/constants.ts';
import { parseName } from '../../src/wire/name.ts';
import { formatRecord } from '../../src/zone/format.ts';
import { fillStaticHints } from '../../src/zone/hints.ts';
import { createZoneImageBuilder } from '../../src/zone/image-build.ts';
import { dsRdata } from '../../src/zone/key.ts';
import { parseMaster } from '../../src/zone/master.ts';
import type { ZoneRecord } from '../../src/zone/record.ts';

/** A zone to be signed as `serve` does it, with keys made for it. */
export interface ZoneToSign {
  readonly origin: string;
  readonly text: string;
  readonly algorithm?: AlgorithmName;
  readonly split?: boolean;
  /** Of `zones[].dnssec`. */
  readonly dnssec?: { readonly denial?: 'nsec' | 'nsec3'; readonly validityS?: number };
  /** When it is signed, seconds since 1970; absent: now. */
  readonly nowS?: number;
  /** Candidates of steered names that are signed at most. */
  readonly candidatesMax?: number;
  /** Records that are left out of what was signed. */
  readonly spoil?: (record: ZoneRecord) => boolean;
}

/**
 * Where zones are signed: keys, signatures and serials lie there. `together`: POPs that services with the
 * policy `all` answer in one.
 */
export function signingGroundOf(
  data: Pick<AnswerData, 'fleet' | 'services'>,
  folder: string,
  together: SigningGround['services'][number]['together'] = [],
): SigningGround {
  const popIndexes = data.fleet.links.map(({ popIndex }) => popIndex);
  const services = data.services.map((spec) => ({ ...spec, popIndexes, together }));
  return { services, fleet: data.fleet, folder };
}

/** Makes keys for a zone, and gives the DS that its parent is to have, as a line. */
export function makeKeys(zone: ZoneToSign, folder: string): string {
  const origin = nameOf(zone.origin);
  const algorithm = zone.algorithm ?? 'ecdsap256sha256';
  const own = join(folder, 'keys');
  if (zone.split === true) generateKey({ origin, algorithm, isEntryPoint: false, folder: own, taken: [] });
  const { key } = generateKey({ origin, algorithm, isEntryPoint: true, folder: own, taken: [] });
  assert.deepEqual(readKeys(own, origin).problems, []);
  const rdata = dsRdata(origin, key, (octets) => hash('sha256', octets, 'buffer'));
  return formatRecord({ owner: origin, ttl: 300, type: TYPE.DS, rdata });
}

/** Signs a zone that has its keys. */
export function signText(zone: ZoneToSign, ground: SigningGround): SignedByFiles {
  const origin = nameOf(zone.origin);
  const parsed = parseMaster({ text: zone.text, file: zone.origin, origin, read: () => undefined });
  assert.deepEqual(parsed.problems.map(formatProblem), []);
  const dnssec = dnssecSchema.parse({ ...zone.dnssec, keys: 'keys' });
  const own = { ...dnssec, keys: join(ground.folder, 'keys') };
  const nowS = zone.nowS ?? Math.floor(Date.now() / 1000);
  const { candidatesMax } = zone;
  const { records } = fillStaticHints(parsed.records);
  const signed = signByFiles({ origin, records, dnssec: own, candidatesMax }, ground, nowS);
  assert.ok('records' in signed, JSON.stringify(signed));
  return signed;
}

/** The image of signed zones and, behind them, plain ones. */
export function imageOf(
  signed: readonly (readonly [ZoneToSign, SignedByFiles])[],
  plain: readonly (readonly [origin: string, text: string])[],
  services: readonly string[],
): Uint8Array<SharedArrayBuffer> {
  const builder = createZoneImageBuilder({ services });
  for (const [zone, made] of signed) {
    const records = made.records.filter((record) => zone.spoil?.(record) !== true);
    assert.deepEqual(builder.add(nameOf(zone.origin), records, made).map(formatProblem), []);
  }
  for (const [origin, text] of plain) {
    const name = nameOf(origin);
    const { records } = parseMaster({ text, file: origin, origin: name, read: () => undefined });
    assert.deepEqual(builder.add(name, records).map(formatProblem), []);
  }
  return builder.finish({ source: '0123456789abcdef', madeAtMs: 0 });
}

function nameOf(text: string): Uint8Array {
  const name = parseName(text);
  assert.ok(typeof name !== 'string', String(name));
  return name;
}
