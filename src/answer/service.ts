import { parseAddress } from '../base/address.ts';
import { assert, must } from '../base/assert.ts';
import type { Fleet, Link } from '../base/fleet.ts';
import { TYPE } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { A: TYPE_A, AAAA: TYPE_AAAA, CNAME: TYPE_CNAME, HTTPS: TYPE_HTTPS } = TYPE;

/** SvcParamKeys (RFC 9460 §14.3.2). */
const SVC = { ALPN: 1, NO_DEFAULT_ALPN: 2, PORT: 3, IPV4_HINT: 4, IPV6_HINT: 6 } as const;
const HTTPS_PORT = 443;

/** What an operator says of a service, as far as answers go. */
export interface ServiceSpec {
  readonly name: string;
  /** Group of the steering image that it is decided with. */
  readonly groupIndex: number;
  /** Bounds of the TTL, seconds. */
  readonly ttlMin: number;
  readonly ttlMax: number;
  /** Position of the service whose answers AAAA gets; absent: its own. */
  readonly ipv6Index?: number | undefined;
  /** Absent: steered names have no HTTPS record. */
  readonly https?: { readonly alpn: readonly string[]; readonly port?: number | undefined } | undefined;
}

/**
 * A service whose every possible answer is ready: for each link a record of each type, as it stands in a
 * message whose question has its owner's name, TTL to be filled in.
 */
export interface Service {
  readonly name: string;
  readonly groupIndex: number;
  readonly ttlMin: number;
  readonly ttlMax: number;
  /** Position of the service whose answers AAAA gets: its own mostly; -1 stands for that. */
  readonly ipv6Index: number;
  /** Little-endian words; each record begins a new one. */
  readonly records: Int32Array;
  /**
   * By link and `STEERED_KIND`: the word at which the record begins, and its octets. One without octets is
   * NODATA.
   */
  readonly starts: Int32Array;
  readonly sizes: Int32Array;
  /** Whether some link answers with an alias, whatever is asked for. */
  readonly hasAliases: boolean;
}

/** What a link has a record for, in their order. */
export const STEERED_KIND = { A: 0, AAAA: 1, HTTPS: 2 } as const;
const { A: KIND_A, AAAA: KIND_AAAA, HTTPS: KIND_HTTPS } = STEERED_KIND;
/** Records of a link. */
export const STEERED_KINDS = 3;
const KINDS = STEERED_KINDS;

/** Prepares every answer that a service can give with this fleet. */
export function compileService(spec: ServiceSpec, fleet: Fleet): Service {
  const { name, groupIndex, ttlMin, ttlMax, ipv6Index = -1, https } = spec;
  const records = fleet.links.flatMap((link) => recordsOf(link, https));
  const sizes = Int32Array.from(records, (octets) => octets.length);
  const starts = new Int32Array(records.length);
  let words = 0;
  for (const [i, size] of sizes.entries()) {
    starts[i] = words;
    words += (size + 3) >> 2;
  }
  const packed = new Uint8Array(words * 4);
  for (const [i, octets] of records.entries()) packed.set(octets, (starts[i] as number) * 4);
  const hasAliases = fleet.links.some(({ cname }) => cname !== undefined);
  const own = { name, groupIndex, ttlMin, ttlMax, ipv6Index, hasAliases };
  return { ...own, records: new Int32Array(packed.buffer), starts, sizes };
}

/** A link's record of each kind; an alias answers all. */
function recordsOf(link: Link, https: ServiceSpec['https']): number[][] {
  const { ipv4, ipv6, cname } = link;
  if (cname !== undefined) return Array.from({ length: KINDS }, () => record(TYPE_CNAME, nameOctets(cname)));
  return [
    ipv4 === undefined ? [] : record(TYPE_A, addressOctets(ipv4, 4)),
    ipv6 === undefined ? [] : record(TYPE_AAAA, addressOctets(ipv6, 6)),
    https === undefined ? [] : record(TYPE_HTTPS, httpsRdata(link, https)),
  ];
}

function nameOctets(text: string): Uint8Array {
  const name = parseName(text, ROOT_NAME);
  assert(typeof name !== 'string', `${text} is not a name`);
  return name;
}

/** The `STEERED_KIND` that answers a type. ANY gets what A gets (decision 0005). */
export function steeredKind(qtype: number): number {
  return qtype === TYPE_AAAA ? KIND_AAAA : qtype === TYPE_HTTPS ? KIND_HTTPS : KIND_A;
}

/** Whether the record at this position, which there is, is an alias. */
export function isAlias({ records, starts }: Service, record: number): boolean {
  // Records begin with a pointer to their owner, then the type.
  return (records[starts[record] as number] as number) >>> 24 === TYPE_CNAME;
}

/** RDATA `1 . alpn=… port=… ipv4hint=… ipv6hint=…` (RFC 9460 §2.2: keys ascending). */
function httpsRdata(link: Link, https: NonNullable<ServiceSpec['https']>): Uint8Array {
  const octets: number[] = [0, 1, 0];
  const ids = https.alpn.flatMap((id) => {
    const bytes = new TextEncoder().encode(id);
    return [bytes.length, ...bytes];
  });
  pushParam(octets, SVC.ALPN, ids);
  // Without this key a client may try HTTP/1.1 although the list does not name it (RFC 9460 §7.1.1).
  if (!https.alpn.includes('http/1.1')) pushParam(octets, SVC.NO_DEFAULT_ALPN, []);
  const port = https.port ?? HTTPS_PORT;
  if (port !== HTTPS_PORT) pushParam(octets, SVC.PORT, [port >> 8, port & 0xff]);
  if (link.ipv4 !== undefined) pushParam(octets, SVC.IPV4_HINT, addressOctets(link.ipv4, 4));
  if (link.ipv6 !== undefined) pushParam(octets, SVC.IPV6_HINT, addressOctets(link.ipv6, 6));
  return Uint8Array.from(octets);
}

function pushParam(octets: number[], key: number, value: Iterable<number>): void {
  const all = [...value];
  octets.push(0, key, all.length >> 8, all.length & 0xff, ...all);
}

function addressOctets(text: string, family: 4 | 6): Uint8Array {
  const address = must(parseAddress(text), `an address in ${JSON.stringify(text)}`);
  assert(address.family === family, `${text} is not an IPv${family} address`);
  return address.octets.slice(0, family === 4 ? 4 : 16);
}

/** The owner is a pointer to the question's name. */
function record(type: number, rdata: Uint8Array): number[] {
  return [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, rdata.length >> 8, rdata.length & 0xff, ...rdata];
}
