import { createHmac } from 'node:crypto';
import type { AccessList } from '../base/access-list.ts';
import { lowerName, namesEqual } from '../wire/name.ts';
import type { Hmac, TsigKey } from '../wire/tsig.ts';
import type { Packed, PackedZone } from '../zone/packed.ts';

/** One step from a version of a zone to the next, for IXFR (RFC 1995 §4). */
export interface TransferStep {
  readonly fromSoa: Packed;
  readonly removed: Packed;
  readonly toSoa: Packed;
  readonly added: Packed;
}

/** A zone that goes to others, or comes from them: plain data, the bulk of it in shared memory. */
export interface TransferZone {
  /** Its apex in wire form, as it is spelt in the zone. */
  readonly origin: Uint8Array;
  /** Who may have it. */
  readonly allow: AccessList;
  /** It goes out over TLS alone (RFC 9103). */
  readonly tlsOnly?: boolean;
  /** Who may tell that it changed; undefined where it does not come from elsewhere. */
  readonly notifiers?: AccessList | undefined;
  /** What is given; undefined: nothing yet. */
  readonly version?: PackedZone | undefined;
  /** Steps that lead to the version, the last one to it, without a gap. */
  readonly steps: readonly TransferStep[];
}

/** What threads need to know of zone transfers. */
export interface TransferData {
  readonly keys: readonly TsigKey[];
  readonly zones: readonly TransferZone[];
}

/** Transfer zones by name. */
export interface TransferBook {
  readonly keys: readonly TsigKey[];
  readonly zones: Map<string, TransferZone>;
}

/** A book of these zones. */
export function openTransferBook({ keys, zones }: TransferData): TransferBook {
  return { keys, zones: new Map(zones.map((zone) => [transferKey(zone.origin), zone])) };
}

/** The same with this in place of what was given of the zone before. */
export function withTransferZone(data: TransferData | undefined, zone: TransferZone): TransferData {
  const { keys, zones } = withoutTransferZone(data, zone.origin);
  return { keys, zones: [...zones, zone] };
}

/** The same without the zone at this apex. */
export function withoutTransferZone(data: TransferData | undefined, origin: Uint8Array): TransferData {
  const zones = (data?.zones ?? []).filter((zone) => !namesEqual(zone.origin, origin));
  return { keys: data?.keys ?? [], zones };
}

/** What a zone is found by: its name in any case. */
export function transferKey(name: Uint8Array): string {
  return Buffer.from(lowerName(name)).toString('latin1');
}

export const hmac: Hmac = (hash, secret, octets) => createHmac(hash, secret).update(octets).digest();
