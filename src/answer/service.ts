import { parseAddress } from '../base/address.ts';
import { assert, must } from '../base/assert.ts';
import type { Fleet, Link } from '../base/fleet.ts';
import { TYPE } from '../wire/constants.ts';

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
  /** Absent: steered names have no HTTPS record. */
  readonly https?: { readonly alpn: readonly string[]; readonly port?: number | undefined } | undefined;
}

/**
 * A service whose every possible answer is ready: one fragment (TYPE to RDATA, TTL to be filled in) for each
 * link.
 */
export interface Service {
  readonly name: string;
  readonly groupIndex: number;
  readonly ttlMin: number;
  readonly ttlMax: number;
  /** By link index. */
  readonly ipv4: readonly Uint8Array[];
  /** By link index; undefined where the link has no IPv6 address. */
  readonly ipv6: readonly (Uint8Array | undefined)[];
  /** By link index; undefined where the service has no HTTPS record. */
  readonly https: readonly (Uint8Array | undefined)[];
}

/** Prepares every answer that a service can give with this fleet. */
export function compileService(spec: ServiceSpec, fleet: Fleet): Service {
  const { name, groupIndex, ttlMin, ttlMax } = spec;
  return {
    name,
    groupIndex,
    ttlMin,
    ttlMax,
    ipv4: fleet.links.map((link) => fragment(TYPE.A, addressOctets(link.ipv4, 4))),
    ipv6: fleet.links.map((link) =>
      link.ipv6 === undefined ? undefined : fragment(TYPE.AAAA, addressOctets(link.ipv6, 6)),
    ),
    https: fleet.links.map((link) =>
      spec.https === undefined ? undefined : fragment(TYPE.HTTPS, httpsRdata(link, spec.https)),
    ),
  };
}

/**
 * The fragment that answers this type over this link; undefined is NODATA. ANY gets what A gets (decision
 * 0010).
 */
export function steeredFragment(service: Service, qtype: number, linkIndex: number): Uint8Array | undefined {
  switch (qtype) {
    case TYPE.A:
    case TYPE.ANY:
      return service.ipv4[linkIndex];
    case TYPE.AAAA:
      return service.ipv6[linkIndex];
    case TYPE.HTTPS:
      return service.https[linkIndex];
    default:
      return undefined;
  }
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
  pushParam(octets, SVC.IPV4_HINT, addressOctets(link.ipv4, 4));
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

function fragment(type: number, rdata: Uint8Array): Uint8Array {
  return Uint8Array.of(0, type, 0, 1, 0, 0, 0, 0, rdata.length >> 8, rdata.length & 0xff, ...rdata);
}
