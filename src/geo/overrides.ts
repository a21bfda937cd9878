import type { Address, Prefix } from '../base/address.ts';
import { familyBits } from '../base/address.ts';

/** What the operator knows of a network. Absent fields: as the databases say. */
export interface NetworkOverride {
  readonly prefix: Prefix;
  /** Degrees; with `longitude` or not at all. */
  readonly latitude?: number;
  readonly longitude?: number;
  /** ISO 3166-1 alpha-2. */
  readonly country?: string;
  readonly asn?: number;
  /** Name of the network, for people. */
  readonly label?: string;
}

/** What a lookup found. Mutable, for reuse. */
export interface OverrideHit {
  /** Position of the override with the longest prefix that holds the address; -1: none does. */
  index: number;
  /**
   * Length of the shortest prefix around the address in which every address finds the same override, in
   * bits.
   */
  depth: number;
}

/** Finds overrides by address, allocating nothing. */
export type OverrideFinder = (address: Address, into: OverrideHit) => void;

/** Builds the finder: one binary trie a family. Of two overrides with one prefix, the later counts. */
export function overrideFinder(overrides: readonly NetworkOverride[]): OverrideFinder {
  const tries = { 4: buildTrie(overrides, 4), 6: buildTrie(overrides, 6) };
  return (address, into) => walk(tries[address.family], address, into);
}

interface Trie {
  /** Left and right child of each node; 0: none (the root is nobody's child). */
  readonly children: Int32Array;
  /** Position of the override that ends at each node; -1: none. */
  readonly override: Int32Array;
}

function buildTrie(overrides: readonly NetworkOverride[], family: 4 | 6): Trie {
  const children = [0, 0];
  const override = [-1];
  for (const [index, { prefix }] of overrides.entries()) {
    if (prefix.address.family !== family) continue;
    let node = 0;
    for (let depth = 0; depth < prefix.length; depth++) {
      const slot = node * 2 + bitAt(prefix.address.octets, depth);
      if (children[slot] === 0) {
        children[slot] = override.length;
        children.push(0, 0);
        override.push(-1);
      }
      node = children[slot] as number;
    }
    override[node] = index;
  }
  return { children: Int32Array.from(children), override: Int32Array.from(override) };
}

function walk(trie: Trie, address: Address, into: OverrideHit): void {
  const { children, override } = trie;
  const bits = familyBits(address.family);
  let node = 0;
  let depth = 0;
  into.index = -1;
  for (;;) {
    const here = override[node] as number;
    if (here >= 0) into.index = here;
    const isLeaf = children[node * 2] === 0 && children[node * 2 + 1] === 0;
    if (isLeaf || depth === bits) break;
    node = children[node * 2 + bitAt(address.octets, depth)] as number;
    depth++;
    if (node === 0) break;
  }
  into.depth = depth;
}

function bitAt(octets: Uint8Array, at: number): number {
  return ((octets[at >> 3] as number) >> (7 - (at & 7))) & 1;
}
