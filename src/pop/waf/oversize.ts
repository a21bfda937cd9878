import { type Node, word } from './reading.ts';
import type { Inspected } from './run.ts';

/** What is done with requests whose part is too large to be looked at whole. */
type Oversize = 'CONTINUE' | 'MATCH' | 'NO_MATCH';

/** Reads an `OversizeHandling`. */
export function readOversize(node: Node | undefined): Oversize | undefined {
  return word(node, ['CONTINUE', 'MATCH', 'NO_MATCH']);
}

/** What was found, or what stands instead of it because there is more than is looked at. */
export function limited(found: Inspected, oversize: Oversize, isOversize: boolean): Inspected {
  return isOversize && oversize !== 'CONTINUE' ? { ...found, instead: oversize === 'MATCH' } : found;
}
