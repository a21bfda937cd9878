import type { Problem } from '../base/errors.ts';
import { formatName } from '../wire/name.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { alignTo, type BlockBuffer, reserve, takeWords } from './block-buffer.ts';
import { findInDraft, type ZoneDraft } from './draft.ts';
import { BLOCK, CHAIN, CHAIN_KIND } from './image.ts';
import type { ZoneRecord } from './record.ts';
import type { SecuredZone, SignedDenial } from './secured.ts';

const view = emptyNameView();
/** Octets of padding and of a salt, at most. */
const SLACK = 320;

/** Where the nodes of a draft stand in the block, and which are hidden by a cut or DNAME above (not -1). */
export interface Placed {
  readonly places: Int32Array;
  readonly above: Int32Array;
}

/** Denials by node, as the places of their octets in the block; 0 for none. */
export interface NodeDenials {
  readonly own: Int32Array;
  readonly noWildcard: Int32Array;
}

/** What `nsecChain` and `nsec3Chain` make a chain from. */
export interface ChainParts {
  readonly buffer: BlockBuffer;
  readonly draft: ZoneDraft;
  readonly secured: SecuredZone;
  readonly placed: Placed;
  readonly problems: Problem[];
  /** Writes a denial into the block; gives its place. */
  readonly write: (denial: SignedDenial) => number;
}

/** Puts the words of a chain before its entries; gives the word at which these begin. */
export function beginChain(
  { buffer, secured }: ChainParts,
  entries: { readonly count: number; readonly words: number },
): number {
  const total = CHAIN.WORDS + entries.count * entries.words;
  reserve(buffer, total * 4 + SLACK);
  alignTo(buffer, 4);
  const at = takeWords(buffer, total);
  buffer.words[BLOCK.CHAIN] = at * 4;
  buffer.words[at + CHAIN.KIND] = secured.kind === 'nsec' ? CHAIN_KIND.NSEC : CHAIN_KIND.NSEC3;
  buffer.words[at + CHAIN.COUNT] = entries.count;
  return at + CHAIN.WORDS;
}

/** The node of a name; -1, and a problem noted, if there is none. */
export function nodeNamed({ draft, problems }: ChainParts, record: ZoneRecord): number {
  readWireName(view, record.owner, 0);
  const node = findInDraft(draft, view, 0);
  if (node < 0) {
    const { file, line } = record;
    problems.push({ file, line, message: `NSEC at ${formatName(record.owner)}, where nothing else stands` });
  }
  return node;
}
