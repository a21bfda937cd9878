import { RCODE } from '../../src/wire/constants.ts';
import type { Message, QueryOptions } from '../helpers/message.ts';

/** One question, with what we and a peer answered. */
export interface Case {
  readonly peer: 'nsd' | 'knot';
  readonly question: QueryOptions;
  readonly ours: Message;
  readonly theirs: Message;
}

/** A difference that we stand by. docs/protocol-differences.md has a row for each, by `name`. */
export interface Difference {
  readonly name: string;
  readonly peers: readonly Case['peer'][];
  /** What allows it, or demands our side of it. */
  readonly because: string;
  readonly explains: (one: Case) => boolean;
}

/** Aliases that Knot follows in one answer. */
const KNOT_CHAIN = 5;
/** Aliases that we follow: CHAIN_MAX of answer/context.ts. */
const OUR_CHAIN = 16;
/** So many records that the size ends them; elsewhere one side must have what the other has. */
const MANY_ADDITIONAL = 10;

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'one RRset for ANY',
    peers: ['nsd', 'knot'],
    because: 'RFC 8482 §4.1: a subset of the RRsets is an answer; which one is free',
    explains: ({ question, ours, theirs }) =>
      question.type === 'ANY' &&
      answers(ours).length > 0 === answers(theirs).length > 0 &&
      sameAa(ours, theirs),
  },
  {
    name: 'TC for glue that does not fit',
    peers: ['nsd'],
    because: 'RFC 9471 §3.1 (2023): all in-domain glue or TC; NSD 4.6 is older',
    explains: ({ ours, theirs }) =>
      isReferral(ours) &&
      isReferral(theirs) &&
      has(ours, 'tc') &&
      !has(theirs, 'tc') &&
      sameList(ours, theirs, 1),
  },
  {
    name: 'what is left of a truncated response',
    peers: ['nsd', 'knot'],
    because: 'RFC 2181 §9: who sees TC ignores the rest and asks over TCP',
    explains: ({ ours, theirs }) => has(ours, 'tc') && has(theirs, 'tc'),
  },
  {
    name: 'additional data beside an answer',
    peers: ['nsd', 'knot'],
    because: 'RFC 1034 §4.3.2 step 6: useful, not required; NSD has less, Knot glue too (RFC 9471 §2)',
    explains: ({ ours, theirs }) => {
      const [mine, other] = [ours.sections[2], theirs.sections[2]];
      const cut = mine.length >= MANY_ADDITIONAL;
      return (
        !isReferral(ours) &&
        sameButLists(ours, theirs) &&
        sameList(ours, theirs, 0) &&
        sameList(ours, theirs, 1) &&
        (cut || isSubset(mine, other) || isSubset(other, mine))
      );
    },
  },
  {
    name: 'length of a chain of aliases',
    peers: ['nsd', 'knot'],
    because:
      'RFC 1034 §3.6.2 asks for chains to be followed and names no bound: ours is 16, Knot 5, NSD more',
    explains: ({ peer, ours, theirs }) => {
      const [mine, other] = [aliases(ours), aliases(theirs)];
      if (peer === 'knot')
        return other.length === KNOT_CHAIN && mine.length > other.length && isSubset(other, mine);
      return mine.length === OUR_CHAIN && (has(theirs, 'tc') || isSubset(mine, other));
    },
  },
  {
    name: 'where a loop of aliases is noticed',
    peers: ['nsd', 'knot'],
    because: 'RFC 1034 §5.2.2: a loop is an error of the data; the records are the same, only some twice',
    explains: ({ ours, theirs }) =>
      sameButLists(ours, theirs) &&
      aliases(theirs).length > new Set(aliases(theirs)).size &&
      [...new Set(answers(theirs))].sort().join() === answers(ours).join(),
  },
  {
    name: 'aliases from one zone into another',
    peers: ['knot'],
    because: 'RFC 1034 §4.3.2 step 3a: back to step 1, which looks at every zone; Knot stays in the first',
    explains: ({ ours, theirs }) =>
      answers(theirs).some((line) => /CNAME \S+\.other\.example\.$/.test(line)) &&
      isSubset(answers(theirs), answers(ours)) &&
      theirs.sections[1].length === 0,
  },
  {
    name: 'NSEC asked at an alias',
    peers: ['knot'],
    because: 'RFC 1034 §4.3.2 step 3a: without an NSEC of its own, the name is an alias for this type too',
    explains: ({ question, ours, theirs }) =>
      question.type === 'NSEC' &&
      (aliases(ours).length > 0 || ours.rcode === RCODE.YXDOMAIN) &&
      isSubset(answers(theirs), answers(ours)),
  },
];

/** Whether the two messages say the same: rcode, flags, sections as sets with TTLs, EDNS. */
export function same(ours: Message, theirs: Message): boolean {
  return sameButLists(ours, theirs) && [0, 1, 2].every((section) => sameList(ours, theirs, section));
}

function sameButLists(ours: Message, theirs: Message): boolean {
  return (
    ours.rcode === theirs.rcode &&
    ours.flags === theirs.flags &&
    ours.question === theirs.question &&
    JSON.stringify(ours.edns) === JSON.stringify(theirs.edns)
  );
}

function sameList(ours: Message, theirs: Message, section: number): boolean {
  return ours.sections[section]?.join('\n') === theirs.sections[section]?.join('\n');
}

function sameAa(ours: Message, theirs: Message): boolean {
  return has(ours, 'aa') === has(theirs, 'aa');
}

function has(message: Message, flag: string): boolean {
  return message.flags.split(' ').includes(flag);
}

function answers(message: Message): string[] {
  return message.sections[0];
}

function aliases(message: Message): string[] {
  return answers(message).filter((line) => / CNAME /.test(line));
}

function isReferral(message: Message): boolean {
  return !has(message, 'aa') && answers(message).length === 0 && message.sections[1].length > 0;
}

function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((line) => whole.includes(line));
}
