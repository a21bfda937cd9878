import { assert } from '../base/assert.ts';
import type { Problem } from '../base/errors.ts';
import {
  type Allocate,
  IMAGE_HEADER,
  IMAGE_KIND,
  type ImageStamp,
  plainMemory,
  sealImage,
} from '../base/image-file.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName, lowerName, ROOT_NAME } from '../wire/name.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { createBlockBuffer } from './block-buffer.ts';
import { writeBlock } from './block-build.ts';
import { createDraft, emptyDraft, fillDraft } from './draft.ts';
import {
  BLOCK,
  DIRECTORY,
  servicesDigest,
  shiftOf,
  ZONE_HEADER,
  ZONE_IMAGE_VERSION,
  type ZoneImage,
} from './image.ts';
import { blockOf } from './packed-block.ts';
import type { ZoneRecord } from './record.ts';
import { type SteeredParts, secureZone } from './secured.ts';

/** Makes a zone image of one zone after the other. */
export interface ZoneImageBuilder {
  /**
   * Adds the zone at this apex. Returns everything that keeps the records from being one; the zone is then
   * left out. The records are not needed afterwards.
   */
  readonly add: (
    origin: Uint8Array,
    records: readonly ZoneRecord[],
    /** Of a signed zone that has STEER records. */
    parts?: SteeredParts,
  ) => readonly Problem[];
  /** Adds a zone as another image for the same services has it; false if that has none at this apex. */
  readonly keep: (image: ZoneImage, origin: Uint8Array) => boolean;
  /** Adds a zone without data: questions for it get SERVFAIL. */
  readonly withhold: (origin: Uint8Array) => void;
  /** The image of all zones that were added. The builder is empty afterwards. */
  readonly finish: (stamp: Pick<ImageStamp, 'source' | 'madeAtMs'>) => Uint8Array<SharedArrayBuffer>;
}

/** A finished block, and the hash of its apex. */
interface Block {
  readonly hash: number;
  readonly octets: Uint8Array;
}

/** `services`: names that STEER records may name; a steered node holds the position in this list. */
export function createZoneImageBuilder(options: {
  readonly services: readonly string[];
  readonly allocate?: Allocate;
}): ZoneImageBuilder {
  const { services, allocate = plainMemory } = options;
  const draft = createDraft();
  const view = emptyNameView();
  const buffer = createBlockBuffer();
  const blocks: Block[] = [];
  const apexes = new Set<string>();
  const push = (origin: Uint8Array, octets: Uint8Array): void => {
    apexes.add(lowerName(origin).join());
    readWireName(view, origin, 0);
    blocks.push({ hash: view.hashes[0] as number, octets });
  };
  return {
    keep: (image, origin) => {
      const found = blockOf(image, origin);
      if (found === undefined) return false;
      const from = found.block * 4;
      push(origin, image.octets.slice(from, from + (image.words[found.block + BLOCK.OCTETS] as number)));
      return true;
    },
    withhold: (origin) => {
      fillDraft(draft, origin, placeholders(origin));
      const problems = writeBlock(buffer, draft, services);
      emptyDraft(draft);
      assert(problems.length === 0, 'a zone of placeholders can be written');
      buffer.words[BLOCK.WITHHELD] = 1;
      push(origin, buffer.octets.slice(0, buffer.at));
    },
    add: (origin, records, parts) => {
      const key = lowerName(origin).join();
      if (apexes.has(key)) {
        const file = records[0]?.file ?? formatName(origin);
        return [{ file, message: `the zone ${formatName(origin)} is there twice` }];
      }
      const secured = secureZone(origin, records, parts);
      fillDraft(draft, origin, secured?.plain ?? records);
      const problems = writeBlock(buffer, draft, services, secured);
      emptyDraft(draft);
      if (problems.length > 0) return problems;
      push(origin, buffer.octets.slice(0, buffer.at));
      return [];
    },
    finish: (stamp) => {
      const image = join(blocks, services, { ...stamp, allocate });
      apexes.clear();
      return image;
    },
  };
}

/** SOA and NS of a zone without data: its apex must have them, and nobody is shown them. */
function placeholders(origin: Uint8Array): ZoneRecord[] {
  const bare = { owner: origin, ttl: 0, file: formatName(origin), line: 1 };
  return [
    { ...bare, type: TYPE.SOA, rdata: new Uint8Array(22) },
    { ...bare, type: TYPE.NS, rdata: ROOT_NAME },
  ];
}

/** Largest image: offsets are 31 bits. */
const OCTETS_MAX = 2 ** 31 - 8;

/** Puts the blocks, which are dropped one by one, and the directory into one buffer. */
function join(
  blocks: Block[],
  services: readonly string[],
  { allocate, ...stamp }: Pick<ImageStamp, 'source' | 'madeAtMs'> & { readonly allocate: Allocate },
): Uint8Array<SharedArrayBuffer> {
  let slots = 8;
  while (slots * 3 < blocks.length * 4) slots *= 2;
  let directory: number = IMAGE_HEADER.OCTETS;
  for (const { octets } of blocks) directory += octets.length;
  const length = directory + slots * DIRECTORY.WORDS * 4;
  assert(length <= OCTETS_MAX, `a zone image of ${length} octets is too large`);
  const image = new Uint8Array(allocate(length));
  const words = new Int32Array(image.buffer);
  let at: number = IMAGE_HEADER.OCTETS;
  const counts = { zones: 0, records: 0, names: 0 };
  for (const { hash, octets } of blocks.splice(0)) {
    image.set(octets, at);
    const block = at >> 2;
    counts.zones++;
    counts.records += words[block + BLOCK.RECORDS] as number;
    counts.names += words[block + BLOCK.NODES] as number;
    let slot = hash >>> shiftOf(slots);
    const wordOf = (): number => (directory >> 2) + slot * DIRECTORY.WORDS;
    while (words[wordOf() + DIRECTORY.BLOCK] !== 0) slot = (slot + 1) & (slots - 1);
    words[wordOf() + DIRECTORY.HASH] = hash;
    words[wordOf() + DIRECTORY.BLOCK] = at;
    words[wordOf() + DIRECTORY.SHIFT] = words[block + BLOCK.SHIFT] as number;
    at += octets.length;
  }
  words[ZONE_HEADER.ZONES >> 2] = counts.zones;
  words[ZONE_HEADER.RECORDS >> 2] = counts.records;
  words[ZONE_HEADER.NAMES >> 2] = counts.names;
  words[ZONE_HEADER.SERVICES >> 2] = servicesDigest(services);
  words[ZONE_HEADER.DIRECTORY >> 2] = directory;
  words[ZONE_HEADER.DIRECTORY_SLOTS >> 2] = slots;
  sealImage(image, { kind: IMAGE_KIND.ZONES, version: ZONE_IMAGE_VERSION, ...stamp });
  return image;
}
