import type { NameView } from '../wire/name-view.ts';
import { suffixEquals } from '../wire/name-view.ts';

/**
 * Names to positions by open addressing on the hash of the lower-case name, with exact comparison. Built
 * once, then only read.
 */
export interface NameTable {
  readonly names: readonly NameView[];
  /** Position in `names` plus 1; 0 where nothing is. */
  readonly slots: Int32Array;
  readonly mask: number;
}

/** A table of these names, which must differ. At least half of its slots stay free. */
export function buildNameTable(names: readonly NameView[]): NameTable {
  let size = 8;
  while (size < names.length * 2) size *= 2;
  const mask = size - 1;
  const slots = new Int32Array(size);
  for (const [index, name] of names.entries()) {
    let slot = mixed(name.hashes[0] as number) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = index + 1;
  }
  return { names, slots, mask };
}

/** Position of the name that is the suffix of `name` from `label` on; -1 if the table has none. */
export function findName(table: NameTable, name: NameView, label: number): number {
  const { slots, names, mask } = table;
  const hash = name.hashes[label] as number;
  for (let slot = mixed(hash) & mask; ; slot = (slot + 1) & mask) {
    const entry = slots[slot] as number;
    if (entry === 0) return -1;
    const candidate = names[entry - 1] as NameView;
    if (candidate.hashes[0] === hash && suffixEquals(name, label, candidate)) return entry - 1;
  }
}

function mixed(hash: number): number {
  return hash ^ (hash >>> 15);
}
