import type { Address } from '../base/address.ts';
import { badData, child, type Mmdb, type Tree } from './mmdb.ts';
import { type Runs, runWriter } from './runs.ts';

/** How deep a family's addresses are told apart. */
const DEPTH_MAX = { 4: 32, 6: 64 } as const;
/** Leaves that a sound tree has at most, by nodes: aliases make some of them seen more than once. */
const LEAVES_PER_NODE = 4;

/**
 * What a database says of every address of a family: `valueAt` gives the value of a record (a tree's value
 * above `nodeCount`), 0 stands for no record. An IPv6 network of 64 bits that is split further has the value
 * of its first address. IPv4 addresses inside an IPv6 tree, and their aliases there (6to4, Teredo), count as
 * no IPv6. `OperatorError('bad-data')` for a tree that runs in circles.
 */
export function walkTree(database: Mmdb, family: 4 | 6, valueAt: (pointer: number) => number): Runs {
  const { tree, file } = database;
  const { nodeCount } = tree;
  const bits = DEPTH_MAX[family];
  const alias = family === 6 && database.ipVersion === 6 ? tree.v4Root : -1;
  const writer = runWriter(family);
  const later = { node: new Uint32Array(65), high: new Int32Array(65), low: new Int32Array(65) };
  const laterDepth = new Uint8Array(65);
  let node = family === 4 ? tree.v4Root : 0;
  let [depth, high, low, waiting] = [0, 0, 0, 0];
  let leavesLeft = (nodeCount + 1) * LEAVES_PER_NODE;
  let seen = -1;
  for (;;) {
    while (node < nodeCount && depth < bits && node !== alias) {
      const bit = 1 << (31 - (depth & 31));
      later.node[waiting] = child(tree, node, 1);
      later.high[waiting] = depth < 32 ? high | bit : high;
      later.low[waiting] = depth < 32 ? low : low | bit;
      laterDepth[waiting++] = ++depth;
      node = child(tree, node, 0);
    }
    if (node < nodeCount) node = leftmost(tree, node, alias);
    // Neighbouring leaves mostly have one record.
    if (node !== seen) {
      writer.put(high, low, node > nodeCount ? valueAt(node) : 0);
      seen = node;
    }
    if (waiting === 0) return writer.finish();
    if (--leavesLeft < 0) throw badData(file, 'is damaged: its tree runs in circles');
    node = later.node[--waiting] as number;
    high = later.high[waiting] as number;
    low = later.low[waiting] as number;
    depth = laterDepth[waiting] as number;
  }
}

/** Calls back for each leaf with a record below the root of the file's own family, in address order. */
export function walkLeaves(
  database: Mmdb,
  visit: (address: Address, depth: number, pointer: number) => void,
): void {
  const { tree } = database;
  const address: Address = { family: database.ipVersion, octets: new Uint8Array(16) };
  const descend = (node: number, depth: number): void => {
    if (node > tree.nodeCount) visit(address, depth, node);
    if (node >= tree.nodeCount) return;
    const bit = 0x80 >> (depth & 7);
    const at = depth >> 3;
    descend(child(tree, node, 0), depth + 1);
    address.octets[at] = (address.octets[at] as number) | bit;
    descend(child(tree, node, 1), depth + 1);
    address.octets[at] = (address.octets[at] as number) & ~bit;
  };
  descend(0, 0);
}

/** The leaf of the first address below a node. */
function leftmost(tree: Tree, from: number, alias: number): number {
  let node = from;
  for (let depth = 0; depth < 128 && node < tree.nodeCount; depth++) {
    if (node === alias) return tree.nodeCount;
    node = child(tree, node, 0);
  }
  return Math.max(node, tree.nodeCount);
}
