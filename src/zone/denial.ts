import { TYPE } from '../wire/constants.ts';
import { lowerName } from '../wire/name.ts';
import { BASE32_HEX, encodeRadix } from '../wire/presentation-radix.ts';
import { joinOctets, orderKey, typeBitmap } from './canonical.ts';
import { HASH_WORDS, hashWireName, PLAIN_HASH } from './nsec3-hash.ts';
import {
  addSignatures,
  makeRecord,
  type RRsetName,
  type SignedNode,
  type ZoneInHand,
} from './zone-in-hand.ts';

/** Adds the chain of NSEC (RFC 4034 §4) or NSEC3 records (RFC 5155 §7.1), signed. */
export function addDenials(zone: ZoneInHand, ttl: number): void {
  if (zone.plan.denial === 'nsec') addNsec(zone, ttl);
  else addNsec3(zone, ttl);
}

function addNsec(zone: ZoneInHand, ttl: number): void {
  const nodes = zone.nodes.filter(({ types }) => types.length > 0);
  const keys = new Map(nodes.map((node) => [node, orderKey(node.owner)]));
  const keyOf = (node: SignedNode): string => keys.get(node) as string;
  nodes.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
  for (const [i, node] of nodes.entries()) {
    const next = lowerName((nodes[(i + 1) % nodes.length] as SignedNode).owner);
    addDenial(zone, { owner: node.owner, type: TYPE.NSEC, ttl }, node, (types) =>
      joinOctets(next, typeBitmap([...types, TYPE.RRSIG, TYPE.NSEC])),
    );
  }
}

function addNsec3(zone: ZoneInHand, ttl: number): void {
  const hashed = zone.nodes.map((node) => ({ node, hash: hashOctets(node.owner) }));
  const text = ({ hash }: { hash: Uint8Array }): string => encodeRadix(BASE32_HEX, hash);
  const sorted = hashed
    .map((one) => ({ ...one, label: text(one) }))
    .sort((left, right) => (left.label < right.label ? -1 : 1));
  for (const [i, { node, label }] of sorted.entries()) {
    const { hash: next } = sorted[(i + 1) % sorted.length] as { hash: Uint8Array };
    const owner = joinOctets(
      Uint8Array.of(label.length),
      new TextEncoder().encode(label.toLowerCase()),
      zone.origin,
    );
    addDenial(zone, { owner, type: TYPE.NSEC3, ttl }, node, (types) => {
      const bitmap = typeBitmap(node.isSigned ? [...types, TYPE.RRSIG] : types);
      return joinOctets(Uint8Array.of(1, 0, 0, 0, 0, next.length), next, bitmap);
    });
  }
}

/** Adds the denial of a node; and one beside without what only some clients get, for the others. */
function addDenial(
  zone: ZoneInHand,
  name: RRsetName,
  { types, partial }: SignedNode,
  rdataOf: (types: readonly number[]) => Uint8Array,
): void {
  const rdata = rdataOf(types);
  makeRecord(zone.records, name, rdata);
  addSignatures(zone, zone.records, name, [rdata]);
  if (partial.length === 0) return;
  const lacking = rdataOf(types.filter((type) => !partial.includes(type)));
  makeRecord(zone.lacking, name, lacking);
  addSignatures(zone, zone.lacking, name, [lacking]);
}

const words = new Int32Array(HASH_WORDS);

function hashOctets(name: Uint8Array): Uint8Array {
  hashWireName(name, PLAIN_HASH, words);
  const octets = new Uint8Array(HASH_WORDS * 4);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < HASH_WORDS; i++) view.setInt32(i * 4, words[i] as number);
  return octets;
}
