import { formatName } from '../wire/name.ts';
import { BASE32_HEX, decodeRadix } from '../wire/presentation-radix.ts';
import { compareOctets, joinOctets } from './canonical.ts';
import { beginChain, type ChainParts } from './chain-parts.ts';
import { ownerOf } from './draft.ts';
import { BLOCK, CHAIN, NSEC3_ENTRY } from './image.ts';
import type { Chain } from './nsec-chain.ts';
import { HASH_WORDS, type HashSettings, hashWireName } from './nsec3-hash.ts';
import type { ZoneRecord } from './record.ts';

/** Zones signed elsewhere may hash so often; more would cost too much at each query (RFC 9276 §3.2). */
const ITERATIONS_MAX = 100;
const HASH_OCTETS = HASH_WORDS * 4;
const WILDCARD = Uint8Array.of(1, 0x2a);

/** As `nsecChain`, of NSEC3 records in the order of their hashes. */
export function nsec3Chain(parts: ChainParts): Chain | undefined {
  const { buffer, draft, secured, placed, problems, write } = parts;
  const settings = settingsOf(secured.denials[0]?.record.rdata ?? new Uint8Array(5));
  const hashed = secured.denials.map((denial) => ({ denial, hash: hashOf(denial.record.owner) }));
  for (const { denial, hash } of hashed) {
    const { file, line, owner } = denial.record;
    const wrong = hash === undefined ? 'its owner is no hash' : faultOf(denial.record.rdata, settings);
    if (wrong !== undefined)
      problems.push({ file, line, message: `NSEC3 at ${formatName(owner)}: ${wrong}` });
  }
  if (problems.length > 0) return undefined;
  const sorted = hashed
    .map(({ denial, hash }) => ({ denial, hash: hash as Uint8Array }))
    .sort((left, right) => compareOctets(left.hash, right.hash));
  const places = sorted.map(({ denial }) => write(denial));
  const first = beginChain(parts, { count: sorted.length, words: NSEC3_ENTRY.WORDS });
  for (const [i, { hash }] of sorted.entries()) {
    const at = first + i * NSEC3_ENTRY.WORDS;
    const view = new DataView(hash.buffer, hash.byteOffset);
    for (let word = 0; word < HASH_WORDS; word++) buffer.words[at + word] = view.getInt32(word * 4);
    buffer.words[at + NSEC3_ENTRY.DENIAL] = places[i] as number;
  }
  putSettings(parts, settings);
  const hashes = sorted.map(({ hash }) => hash);
  const own = new Int32Array(draft.nodeCount);
  const noWildcard = new Int32Array(draft.nodeCount);
  for (let node = 0; node < draft.nodeCount; node++) {
    if (placed.above[node] !== -1) continue;
    const owner = ownerOf(draft, node);
    const matching = search(hashes, hashName(owner, settings));
    own[node] = matching.isEqual ? (places[matching.at] as number) : 0;
    if (owner.length + WILDCARD.length > NAME_OCTETS_MAX) continue;
    noWildcard[node] = places[search(hashes, hashName(joinOctets(WILDCARD, owner), settings)).at] as number;
  }
  const nodes = new Map<string, number>();
  for (let node = 0; node < draft.nodeCount; node++)
    nodes.set(hashName(ownerOf(draft, node), settings).join(), node);
  const lackingNode = ({ owner }: ZoneRecord): number => nodes.get(hashOf(owner)?.join() ?? '') ?? -1;
  return { own, noWildcard, lackingNode };
}

const NAME_OCTETS_MAX = 255;

function settingsOf(rdata: Uint8Array): HashSettings {
  const iterations = ((rdata[2] as number) << 8) | (rdata[3] as number);
  return { iterations, salt: rdata.slice(5, 5 + (rdata[4] as number)) };
}

function faultOf(rdata: Uint8Array, wanted: HashSettings): string | undefined {
  const { iterations, salt } = settingsOf(rdata);
  if (rdata[0] !== 1) return `hash algorithm ${rdata[0]} is not known`;
  if (iterations > ITERATIONS_MAX) return `${iterations} iterations are more than ${ITERATIONS_MAX}`;
  if (iterations !== wanted.iterations || compareOctets(salt, wanted.salt) !== 0)
    return 'another chain than the first: one is served';
  return undefined;
}

function putSettings({ buffer }: ChainParts, { iterations, salt }: HashSettings): void {
  const at = (buffer.words[BLOCK.CHAIN] as number) >> 2;
  buffer.words[at + CHAIN.ITERATIONS] = iterations;
  buffer.words[at + CHAIN.SALT_OCTETS] = salt.length;
  buffer.words[at + CHAIN.SALT] = buffer.at;
  // `beginChain` has left room for it; so short a salt is all there is.
  for (const octet of salt) buffer.octets[buffer.at++] = octet;
  while (buffer.at % 4 !== 0) buffer.octets[buffer.at++] = 0;
}

/** The hash that a first label spells in base 32; undefined if it does not. */
function hashOf(owner: Uint8Array): Uint8Array | undefined {
  const label = new TextDecoder('latin1').decode(owner.subarray(1, 1 + (owner[0] as number)));
  const sink = { octets: new Uint8Array(64), length: 0 };
  if (!decodeRadix(BASE32_HEX, label, sink) || sink.length !== HASH_OCTETS) return undefined;
  return sink.octets.slice(0, HASH_OCTETS);
}

const hash = new Int32Array(HASH_WORDS);

function hashName(name: Uint8Array, settings: HashSettings): Uint8Array {
  hashWireName(name, settings, hash);
  const octets = new Uint8Array(HASH_OCTETS);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < HASH_WORDS; i++) view.setInt32(i * 4, hash[i] as number);
  return octets;
}

/** The one at or before a hash, round the ring. */
function search(hashes: readonly Uint8Array[], wanted: Uint8Array): { at: number; isEqual: boolean } {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareOctets(hashes[middle] as Uint8Array, wanted) <= 0) low = middle + 1;
    else high = middle;
  }
  const at = low === 0 ? hashes.length - 1 : low - 1;
  return { at, isEqual: compareOctets(hashes[at] as Uint8Array, wanted) === 0 };
}
