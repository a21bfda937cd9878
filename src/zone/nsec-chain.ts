import { atOrBefore, orderKey, wildcardKey } from './canonical.ts';
import { beginChain, type ChainParts, type NodeDenials, nodeNamed } from './chain-parts.ts';
import { ownerOf } from './draft.ts';
import { NSEC_ENTRY } from './image.ts';
import type { ZoneRecord } from './record.ts';

/** What the links of nodes are filled with, and which node a denial belongs to. */
export type Chain = NodeDenials & { readonly lackingNode: (record: ZoneRecord) => number };

/**
 * Writes the NSEC records of a zone in canonical order, and finds for each node the one that speaks of it or
 * covers it, and the one that covers its child `*` where it has none. Undefined, and problems, if the chain
 * does not fit the zone.
 */
export function nsecChain(parts: ChainParts): Chain | undefined {
  const { buffer, draft, secured, placed, problems, write } = parts;
  const sorted = secured.denials
    .map((denial) => ({ denial, key: orderKey(denial.record.owner), node: nodeNamed(parts, denial.record) }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  if (problems.length > 0) return undefined;
  const places = sorted.map(({ denial }) => write(denial));
  const first = beginChain(parts, { count: sorted.length, words: NSEC_ENTRY.WORDS });
  for (const [i, { node }] of sorted.entries()) {
    const at = first + i * NSEC_ENTRY.WORDS;
    buffer.words[at + NSEC_ENTRY.NODE] = (placed.places[node] as number) * 4;
    buffer.words[at + NSEC_ENTRY.DENIAL] = places[i] as number;
  }
  const keys = sorted.map(({ key }) => key);
  const own = new Int32Array(draft.nodeCount);
  const noWildcard = new Int32Array(draft.nodeCount);
  for (let node = 0; node < draft.nodeCount; node++) {
    if (placed.above[node] !== -1) continue;
    const key = orderKey(ownerOf(draft, node));
    own[node] = places[atOrBefore(keys, key)] ?? 0;
    noWildcard[node] = places[atOrBefore(keys, wildcardKey(key))] ?? 0;
  }
  return { own, noWildcard, lackingNode: (record) => nodeNamed(parts, record) };
}
