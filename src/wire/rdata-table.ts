import { TYPE } from './constants.ts';
import * as basic from './rdata-basic.ts';
import {
  base64,
  charString,
  charStrings,
  hex,
  longText,
  name,
  seconds,
  u8,
  u16,
  u32,
} from './rdata-basic.ts';
import * as dnssec from './rdata-dnssec.ts';
import { algorithm, rrType, signatureTime, typeBitmapOrNone } from './rdata-dnssec.ts';
import type { FieldCodec } from './rdata-field.ts';
import { location } from './rdata-loc.ts';
import { svcParams } from './rdata-svcb.ts';

/** A field: what messages call it, and its codec. */
type Field = readonly [label: string, codec: FieldCodec];

/** An RDATA: its fields in order, and what is wrong with the whole where fields depend on each other. */
interface RdataRow {
  readonly fields: readonly Field[];
  readonly check?: (rdata: Uint8Array) => string | undefined;
}

function row(...fields: Field[]): RdataRow {
  return { fields };
}

/** Digest octets by DS digest type (RFC 4034, 4509, 6605). */
const digestOctets = new Map([
  [1, 20],
  [2, 32],
  [4, 48],
]);

const delegationSigner: RdataRow = {
  fields: [
    ['key tag', u16],
    ['algorithm', algorithm],
    ['digest type', u8],
    ['digest', hex],
  ],
  check(rdata) {
    const wanted = digestOctets.get(rdata[3] ?? 0);
    const got = rdata.length - 4;
    if (wanted === undefined || got === wanted) return undefined;
    return `the digest has ${got} octets, but digest type ${rdata[3]} has ${wanted}`;
  },
};
const oneName = row(['name', name]);
const strings = row(['text', charStrings]);
const publicKey = row(['flags', u16], ['protocol', u8], ['algorithm', algorithm], ['public key', base64]);
const certificate = row(['usage', u8], ['selector', u8], ['matching type', u8], ['certificate data', hex]);
const serviceBinding = row(['priority', u16], ['target', name], ['SvcParams', svcParams]);
const preferredName = row(['preference', u16], ['name', name]);

/** Every type whose RDATA has a presentation form of its own here; others are written as RFC 3597 says. */
export const rdataRows: ReadonlyMap<number, RdataRow> = new Map([
  [TYPE.A, row(['address', basic.ipv4])],
  [TYPE.NS, oneName],
  [TYPE.CNAME, oneName],
  [
    TYPE.SOA,
    row(
      ['primary server', name],
      ['mailbox', name],
      ['serial', u32],
      ['refresh', seconds],
      ['retry', seconds],
      ['expire', seconds],
      ['minimum', seconds],
    ),
  ],
  [TYPE.PTR, oneName],
  [TYPE.HINFO, row(['CPU', charString], ['OS', charString])],
  [TYPE.MX, preferredName],
  [TYPE.TXT, strings],
  [TYPE.RP, row(['mailbox', name], ['text name', name])],
  [TYPE.AFSDB, preferredName],
  [TYPE.AAAA, row(['address', basic.ipv6])],
  [TYPE.LOC, row(['location', location])],
  [TYPE.SRV, row(['priority', u16], ['weight', u16], ['port', u16], ['target', name])],
  [
    TYPE.NAPTR,
    row(
      ['order', u16],
      ['preference', u16],
      ['flags', charString],
      ['services', charString],
      ['regexp', charString],
      ['replacement', name],
    ),
  ],
  [TYPE.KX, preferredName],
  [
    TYPE.CERT,
    row(
      ['type', dnssec.certificateType],
      ['key tag', u16],
      ['algorithm', algorithm],
      ['certificate', base64],
    ),
  ],
  [TYPE.DNAME, oneName],
  [TYPE.DS, delegationSigner],
  [TYPE.SSHFP, row(['algorithm', u8], ['fingerprint type', u8], ['fingerprint', hex])],
  [
    TYPE.RRSIG,
    row(
      ['type covered', rrType],
      ['algorithm', algorithm],
      ['labels', u8],
      ['original TTL', seconds],
      ['expiration', signatureTime],
      ['inception', signatureTime],
      ['key tag', u16],
      ['signer', name],
      ['signature', base64],
    ),
  ],
  [TYPE.NSEC, row(['next name', name], ['types', dnssec.typeBitmapOfSome])],
  [TYPE.DNSKEY, publicKey],
  [TYPE.DHCID, row(['identifier', base64])],
  [
    TYPE.NSEC3,
    row(
      ['hash algorithm', u8],
      ['flags', u8],
      ['iterations', u16],
      ['salt', dnssec.salt],
      ['next hashed owner', dnssec.hashedOwner],
      ['types', typeBitmapOrNone],
    ),
  ],
  [TYPE.NSEC3PARAM, row(['hash algorithm', u8], ['flags', u8], ['iterations', u16], ['salt', dnssec.salt])],
  [TYPE.TLSA, certificate],
  [TYPE.SMIMEA, certificate],
  [TYPE.CDS, delegationSigner],
  [TYPE.CDNSKEY, publicKey],
  [TYPE.OPENPGPKEY, row(['key', base64])],
  [TYPE.CSYNC, row(['serial', u32], ['flags', u16], ['types', typeBitmapOrNone])],
  [TYPE.ZONEMD, row(['serial', u32], ['scheme', u8], ['hash algorithm', u8], ['digest', hex])],
  [TYPE.SVCB, serviceBinding],
  [TYPE.HTTPS, serviceBinding],
  [TYPE.SPF, strings],
  [TYPE.URI, row(['priority', u16], ['weight', u16], ['target', longText])],
  [TYPE.CAA, row(['flags', u8], ['tag', basic.tag], ['value', longText])],
  [TYPE.STEER, row(['service', basic.serviceName])],
]);
