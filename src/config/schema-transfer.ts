import { z } from 'zod';
import { ACCESS_RULES_MAX, type AccessList, accessList } from '../base/access-list.ts';
import { parseAddress } from '../base/address.ts';
import { TSIG_ALGORITHMS } from '../wire/tsig.ts';
import { accessRule, type Endpoint, ipAddress, parseEndpoint, read } from './scalars.ts';

/** A name server that a zone goes to or comes from. */
export interface Peer extends Endpoint {
  /** Name of the key for it, as access lists have it. */
  readonly key?: string;
  /** Name in `transferTls` of how TLS is spoken with it; absent: it is not. */
  readonly tls?: string;
}

/** What is said of a zone's way from and to elsewhere. */
export interface ZoneTransfer {
  /** Where it comes from; empty: from its file. */
  readonly primary: readonly Peer[];
  /** Who may have it. */
  readonly allow: AccessList;
  /** Who is told when it changes. */
  readonly notify: readonly Peer[];
  /** Who may tell that it changed, besides those it comes from. */
  readonly notifiers: AccessList;
  /** AXFR and IXFR go out over TLS alone. */
  readonly tlsOnly: boolean;
  /** Address of the client whose answers stand for steered names. */
  readonly view: string;
}

/** Secrets shorter than this are no secrets, octets. */
const SECRET_OCTETS_MIN = 8;
const PEERS_MAX = 32;
const PORT = 53;
const TLS_PORT = 853;
/** An address that is in no database: what is answered to a client of whom nothing is known. */
const VIEW_DEFAULT = '0.0.0.0';

/** Key names as access lists have them: in small letters, without the last dot. */
export function keyName(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}

/** `ADDRESS`, `ADDRESS:PORT`, perhaps followed by `key NAME`, `tls NAME`. A text says what is wrong. */
export function parsePeer(text: string): Peer | string {
  const [where = '', ...words] = text.trim().split(/\s+/);
  const said = new Map<string, string>();
  const isPaired = words.every((word, i) => {
    if (i % 2 === 1) return true;
    const value = words[i + 1];
    if ((word !== 'key' && word !== 'tls') || value === undefined || said.has(word)) return false;
    said.set(word, value);
    return true;
  });
  if (!isPaired)
    return `${JSON.stringify(text)} is not ADDRESS or ADDRESS:PORT, perhaps with key NAME and tls NAME`;
  const key = said.get('key');
  const tls = said.get('tls');
  const port = tls === undefined ? PORT : TLS_PORT;
  const bare = parseAddress(where);
  const endpoint = bare === undefined ? parseEndpoint(where) : { host: where, port };
  if (typeof endpoint === 'string') return endpoint;
  if (endpoint.port === 0) return `${JSON.stringify(text)}: port 0 is none`;
  return {
    ...endpoint,
    ...(key === undefined ? {} : { key: keyName(key) }),
    ...(tls === undefined ? {} : { tls }),
  };
}

export const keySchema = z
  .strictObject({
    algorithm: z.enum(TSIG_ALGORITHMS).default('hmac-sha256').describe('How messages are signed.'),
    secret: z
      .base64({ error: 'is not base64' })
      .refine((text) => octetsOf(text) >= SECRET_OCTETS_MIN, {
        error: `has less than ${SECRET_OCTETS_MIN} octets`,
      })
      .describe('The secret that both sides have, in base64.'),
  })
  .describe('A key that zone transfers are signed with (TSIG, RFC 8945).');

const peers = z.array(read<Peer>(parsePeer)).min(1).max(PEERS_MAX);
const rules = z.array(accessRule).max(ACCESS_RULES_MAX);

/** Where a zone comes from and goes to. */
export const wayShape = {
  primary: peers
    .optional()
    .describe(
      'In place of `file`: name servers that the zone comes from: `192.0.2.1`, `192.0.2.1:5353 key NAME`, ' +
        '`192.0.2.1 tls NAME` (port 853). The next is asked where one fails. It is kept in the state folder.',
    ),
  transfer: rules
    .optional()
    .describe(
      'Who may have the zone by AXFR and IXFR: `192.0.2.0/24`, `key NAME`, `192.0.2.1 key NAME`; with `!` ' +
        'before it, who may not. The first that speaks of a client decides. Absent: nobody.',
    ),
  notify: peers.optional().describe('Name servers that are told when the zone changes: as in `primary`.'),
  acceptNotify: rules
    .optional()
    .describe('Who else than those in `primary` may tell that the zone changed there: as in `transfer`.'),
  transferTlsOnly: z
    .boolean()
    .default(false)
    .describe('The zone goes out over TLS alone (`listen.dot`, RFC 9103): over TCP it is refused.'),
};

const view = ipAddress
  .optional()
  .describe(
    'Address of a client: what it is answered for steered names goes out with the zone. Absent: what a ' +
      'client is answered of whom nothing is known.',
  );

/** Keys of a zone that say where it comes from and goes to. */
export const zoneTransferShape = { ...wayShape, view };

type Said = z.output<z.ZodObject<typeof wayShape>> & { readonly view?: string | undefined };

/** What a zone says of transfers; undefined where it says nothing. */
export function zoneTransfer(zone: Said): ZoneTransfer | undefined {
  const { primary = [], transfer = [], notify = [], acceptNotify = [], view = VIEW_DEFAULT } = zone;
  const { transferTlsOnly: tlsOnly } = zone;
  if (primary.length + transfer.length + notify.length === 0) return undefined;
  return {
    primary,
    allow: accessList(transfer),
    notify,
    notifiers: accessList([...acceptNotify, ...primary.map(ruleOf)]),
    tlsOnly,
    view,
  };
}

/** Who a primary is when it tells of changes: its address, with its key where it has one. */
function ruleOf({ host, key }: Peer) {
  const address = parseAddress(host);
  if (address === undefined) throw new Error(`${host} was checked`);
  const prefix = { address, length: address.family === 4 ? 32 : 128 };
  return { allow: true, prefix, ...(key === undefined ? {} : { key }) };
}

function octetsOf(base64: string): number {
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
}
