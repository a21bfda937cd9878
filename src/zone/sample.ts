import { BLOCK, DIRECTORY, FLAG, NODE, SLOT, ZONE_HEADER, type ZoneImage } from './image.ts';

/** A name of a zone image. */
export interface SampledName {
  /** In wire form, in lower case. */
  readonly name: Uint8Array;
  /** A, AAAA and HTTPS are chosen for each client. */
  readonly steered: boolean;
}

/** Zones, and names of one zone, that are looked at. */
const ZONES_MAX = 16;
const NAMES_MAX = 64;

/** Some names of some zones, the apexes among them; as good as any, in no order that means something. */
export function sampleNames({ words }: ZoneImage): SampledName[] {
  const directory = (words[ZONE_HEADER.DIRECTORY >> 2] as number) >> 2;
  const slots = words[ZONE_HEADER.DIRECTORY_SLOTS >> 2] as number;
  const found: SampledName[] = [];
  let zones = 0;
  for (let slot = 0; slot < slots && zones < ZONES_MAX; slot++) {
    const at = directory + slot * DIRECTORY.WORDS;
    const block = (words[at + DIRECTORY.BLOCK] as number) >>> 2;
    if (block === 0) continue;
    zones++;
    found.push(...namesOf(words, block, words[at + DIRECTORY.SHIFT] as number));
  }
  return found;
}

function namesOf(words: Int32Array, block: number, shift: number): SampledName[] {
  const found: SampledName[] = [];
  for (let slot = 0; slot >>> (32 - shift) === 0 && found.length < NAMES_MAX; slot++) {
    const offset = words[block + BLOCK.WORDS + slot * SLOT.WORDS + SLOT.NODE] as number;
    if (offset !== 0) found.push(nameOf(words, block + (offset >>> 2)));
  }
  return found;
}

/** Labels begin at words, and the root label has none: see wire/name-view.ts. */
function nameOf(words: Int32Array, node: number): SampledName {
  const nameWord = words[node + NODE.NAME] as number;
  const name = new Uint8Array(nameWord & 0xff);
  const octet = (at: number): number =>
    ((words[node + NODE.WORDS + (at >> 2)] as number) >>> ((at & 3) * 8)) & 0xff;
  let from = 0;
  for (let to = 0; to < name.length - 1; ) {
    const size = octet(from) + 1;
    for (let i = 0; i < size; i++) name[to++] = octet(from + i);
    from += (size + 3) & ~3;
  }
  return { name, steered: (nameWord & FLAG.STEER) !== 0 };
}
