import { POP_DRAINED } from '../base/pop-state.ts';
import type { Known } from './explain.ts';
import { candidate, isSplit, ROW_SHARES, rowShare, startOf } from './image.ts';
import type { GroupTermsRecord } from './terms.ts';

/** A cell whose clients start from several links: two POPs, or the links of one. */
export interface ExplainedSplit {
  /** In the order of the row; shares 0..1 add up to 1. */
  readonly parts: readonly { readonly pop: string; readonly link: string; readonly share: number }[];
  /** Position of the part that this client is in. */
  readonly part: number;
}

/** How the clients of the cell are divided; undefined where they are not. */
export function explainSplit(known: Known): ExplainedSplit | undefined {
  const { image, row, clientHash } = known;
  if (!isSplit(image, row)) return undefined;
  const parts: ExplainedSplit['parts'][number][] = [];
  for (let k = 0; k <= ROW_SHARES; k++) {
    const share = rowShare(image, row, k);
    if (share > 0) parts.push({ ...named(known, k), share });
  }
  return { parts, part: startOf(image, row, clientHash) };
}

/** What the numbers do not say. */
export function notesOf(
  known: Known,
  what: {
    group: GroupTermsRecord;
    chosen: string;
    split: ExplainedSplit | undefined;
    held: string | undefined;
  },
): string[] {
  const { image, row, terms, clientHash } = known;
  const { group, chosen, split, held } = what;
  const notes: string[] = [];
  if (group.failOpen) notes.push('No POP of the service is up: answered as if all were (fail open).');
  else if (isOpenSince(known))
    notes.push('No POP of the row is up since this table was made: answered as if all were (fail open).');
  const first = named(known, startOf(image, row, clientHash)).pop;
  if (split !== undefined) notes.push(splitWords(split, group.policy !== undefined));
  if (first !== '' && first !== chosen)
    notes.push(
      `${first} is first in the table, but went out since${whyWords(known, first)}: the next one answers.`,
    );
  if (held !== undefined)
    notes.push(`${held} has a lower score, but not by enough to move: hysteresis keeps ${chosen}.`);
  for (const record of terms.pops)
    if (record.shiftMs !== 0 && (record.code === chosen || record.code === first))
      notes.push(
        `The RTT of ${record.code} is shifted by ${rounded(record.shiftMs)} ms for all its clients.`,
      );
  for (const { code, agentStanding } of terms.pops)
    if (agentStanding !== undefined && (code === chosen || code === first))
      notes.push(`The agent of ${code} tells times that cannot be true: they count only as others allow.`);
  return notes;
}

/** A POP whose word is set is answered only where those of the whole row are. */
function isOpenSince({ fleet, linkIndex, popState }: Known): boolean {
  const link = fleet.links[linkIndex];
  return link !== undefined && popState[link.popIndex] !== 0;
}

/** Why a POP cannot be answered: by its word now, else by the table; undefined when it can. */
export function outWords(known: Known, failOpen: boolean, pop: number): string | undefined {
  const record = known.terms.pops[pop];
  const word = known.popState[pop] as number;
  const isOut = record !== undefined && record.state !== 'up';
  if (isOut && failOpen) return undefined;
  if (word !== 0) {
    const since = (word & POP_DRAINED) !== 0 ? 'drained' : 'down';
    return known.whyOut?.(pop) || (isOut ? record.why : `${since} since this table was made`);
  }
  return isOut ? record.why : undefined;
}

/** To a hundredth of a millisecond: what is shown adds up to what is shown. */
export function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function whyWords(known: Known, code: string): string {
  const why = known.whyOut?.(known.fleet.pops.findIndex((pop) => pop.code === code));
  return why === undefined ? '' : ` (${why})`;
}

function splitWords({ parts, part }: ExplainedSplit, isPolicy: boolean): string {
  const shares = new Map<string, number>();
  for (const { pop, share } of parts) shares.set(pop, (shares.get(pop) ?? 0) + share);
  const pops = [...shares].map(([pop, share]) => `${Math.round(share * 100)} % ${pop}`).join(', ');
  const { pop = '', link = '' } = parts[part] ?? {};
  const why = isPolicy ? "by the service's policy" : 'as one POP has no room for all';
  return shares.size > 1
    ? `The cell's clients are divided, ${why}: ${pops}. This one belongs to ${pop}.`
    : `The cell's many clients are spread over the links of ${pop}. This one belongs to ${link}.`;
}

function named(known: Known, k: number): { pop: string; link: string } {
  const { fleet, image, row } = known;
  const link = fleet.links[candidate(image, row, k)];
  return { pop: fleet.pops[link?.popIndex ?? -1]?.code ?? '', link: link?.id ?? '' };
}
