import { type AccessList, permits } from '../base/access-list.ts';
import type { Address } from '../base/address.ts';
import { emptyProxiedClient, readProxyHeader } from '../wire/proxy.ts';
import { type Arena, MMSGHDR, type Shape, UDP_QUERY_MAX } from './native-arena.ts';
import { readClient } from './native-names.ts';

/** What reading for whom a proxy asks needs. */
export interface Proxying {
  readonly arena: Arena;
  readonly client: { readonly address: Address; port: number };
  readonly clientWords: Int32Array;
}

const HEADER_WORDS = MMSGHDR.OCTETS / 4;
const LENGTH_WORD = MMSGHDR.LENGTH / 4;
/** Words of a datagram's place in `Arena.proxied`: one of `STATE`, port, address. */
const PLACE_WORDS = 8;
const PORT = 1;
const ADDRESS = 2;
/** Whom a datagram is from: beside these the family of the address in its header. */
const STATE = { PEER: 0, BROKEN: -1 } as const;
const header = emptyProxiedClient();

/**
 * Takes the PROXY headers off a batch that has just come: what proxies sent begins with the message then, and
 * for whom they asked is noted in the arena, for this thread and for one that goes on with the batch.
 */
export function unwrapBatch(udp: Proxying, proxies: AccessList, shape: Shape, count: number): void {
  const { arena, client } = udp;
  const { i32, queryViews, proxied } = arena;
  for (let i = 0; i < count; i++) {
    const place = (proxied >> 2) + i * PLACE_WORDS;
    const lengthAt = (shape.receive >> 2) + i * HEADER_WORDS + LENGTH_WORD;
    const length = i32[lengthAt] as number;
    readPeer(udp, shape, i);
    i32[place] = STATE.PEER;
    if (length > UDP_QUERY_MAX || !permits(proxies, client.address)) continue;
    const octets = queryViews[i] as Uint8Array;
    const size = readProxyHeader(header, octets, length);
    if (size <= 0) {
      i32[place] = STATE.BROKEN;
      continue;
    }
    octets.copyWithin(0, size, length);
    i32[lengthAt] = length - size;
    if (!header.known) continue;
    i32[place] = header.address.family;
    i32[place + PORT] = header.port;
    for (let word = 0; word < 4; word++) i32[place + ADDRESS + word] = wordAt(header.address, word);
  }
}

/** Puts where handlers read it for whom a datagram asks; false if nobody can tell. */
export function readProxied(udp: Proxying, shape: Shape, i: number): boolean {
  const { arena, client, clientWords } = udp;
  const { i32, proxied } = arena;
  const place = (proxied >> 2) + i * PLACE_WORDS;
  const state = i32[place] as number;
  if (state === STATE.BROKEN) return false;
  if (state === STATE.PEER) {
    readPeer(udp, shape, i);
    return true;
  }
  client.address.family = state === 4 ? 4 : 6;
  for (let word = 0; word < 4; word++) clientWords[word] = i32[place + ADDRESS + word] as number;
  if (i32[place + PORT] !== 0) client.port = i32[place + PORT] as number;
  return true;
}

/** The one before may have been of the other family. */
function readPeer({ arena, client, clientWords }: Proxying, shape: Shape, i: number): void {
  client.address.family = shape.v6 ? 6 : 4;
  if (!shape.v6) clientWords.fill(0);
  readClient(arena.i32, clientWords, shape, i);
}

/** Four octets of an address as they lie in memory, which is little-endian. */
function wordAt({ octets }: Address, word: number): number {
  const at = word * 4;
  const lower = (octets[at] as number) | ((octets[at + 1] as number) << 8);
  return lower | ((octets[at + 2] as number) << 16) | ((octets[at + 3] as number) << 24);
}
