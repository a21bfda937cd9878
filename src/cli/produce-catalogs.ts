import { existsSync, readFileSync } from 'node:fs';
import { must } from '../base/assert.ts';
import type { Config } from '../config/config.ts';
import type { ProducedCatalog } from '../config/schema-catalog.ts';
import { writeSecondaryZone } from '../transfer/secondary-file.ts';
import { catalogRecords } from '../zone/catalog.ts';
import { parseMaster } from '../zone/master.ts';
import { diffPacked, type PackedZone, packZone } from '../zone/packed.ts';
import { apexOf } from './zone-transfers.ts';

/**
 * Makes the catalogs of the configuration (RFC 9432), each as a master file in the state folder. One that
 * says what it said before keeps its serial; another gets the time, or one more than before. Throws the
 * system's error where a file cannot be written.
 */
export function produceCatalogs({ catalogs, zones }: Config): ReadonlyMap<string, PackedZone> {
  return new Map(
    catalogs.produced.map((catalog) => {
      const source = must(
        zones.find(({ origin }) => origin === catalog.origin),
        'the zone of a catalog',
      );
      return [catalog.origin, produce(catalog, source.file)] as const;
    }),
  );
}

function produce(catalog: ProducedCatalog, file: string): PackedZone {
  const { refreshS, retryS, expireS } = catalog;
  const origin = apexOf(catalog);
  const members = catalog.members.map((member) => ({
    zone: apexOf(member),
    group: member.group,
    movesTo: member.movesTo === undefined ? undefined : apexOf({ origin: member.movesTo }),
  }));
  const before = readBefore(file, origin);
  const make = (serial: number): PackedZone =>
    packZone(origin, catalogRecords(origin, members, { serial, refreshS, retryS, expireS }));
  if (before !== undefined && isSame(before, make(before.serial))) return before;
  const nowS = Math.floor(Date.now() / 1000);
  const made = make(before === undefined ? nowS : Math.max(nowS, before.serial + 1) >>> 0);
  writeSecondaryZone(file, origin, made, 'the configuration');
  return made;
}

function readBefore(file: string, origin: Uint8Array): PackedZone | undefined {
  if (!existsSync(file)) return undefined;
  const { records, problems } = parseMaster({
    text: readFileSync(file, 'utf8'),
    file,
    origin,
    read: () => undefined,
  });
  return problems.length > 0 ? undefined : packZone(origin, records);
}

function isSame(before: PackedZone, after: PackedZone): boolean {
  return [
    diffPacked(before.soa, after.soa),
    diffPacked(after.soa, before.soa),
    diffPacked(before.records, after.records),
  ].every(({ removed, added }) => removed.length + added.length === 0);
}
