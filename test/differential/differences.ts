import { RCODE } from '../../src/wire/constants.ts';
import type { Message, QueryOptions } from '../helpers/message.ts';
import {
  aliases,
  answers,
  has,
  isLoop,
  isReferral,
  isSubset,
  sameAa,
  sameButLists,
  sameList,
} from './sameness.ts';

/** One question, with what we and a peer answered. */
export interface Case {
  readonly peer: 'nsd' | 'knot' | 'bind';
  readonly question: QueryOptions;
  readonly ours: Message;
  readonly theirs: Message;
  /** The zone of those loaded that a name lies in, longest first, absolute. */
  readonly zoneOf: (name: string) => string;
}

/** A difference that we stand by. docs/protocol-differences.md has a row for each, by `name`. */
export interface Difference {
  readonly name: string;
  readonly peers: readonly Case['peer'][];
  /** What allows it, or demands our side of it. */
  readonly because: string;
  readonly explains: (one: Case) => boolean;
}

/** Aliases that Knot follows in one answer; BIND says SERVFAIL after so many. */
const KNOT_CHAIN = 5;
const BIND_CHAIN = 12;
/** Aliases that we follow: CHAIN_MAX of answer/context.ts. */
const OUR_CHAIN = 16;
/** So many records that the size ends them; elsewhere one side must have what the other has. */
const MANY_ADDITIONAL = 10;
/** Characters of a record with names so long that two of them are half a message. */
const LONG = 200;

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'one RRset for ANY',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 8482 §4.1: a subset of the RRsets is an answer; which one is free. BIND leaves out a lone RRSIG',
    explains: ({ question, ours, theirs }) =>
      question.type === 'ANY' &&
      (answers(ours).length > 0 === answers(theirs).length > 0 ||
        / RRSIG /.test(answers(ours)[0] ?? '') ||
        has(ours, 'tc') ||
        has(theirs, 'tc')) &&
      sameAa(ours, theirs),
  },
  {
    name: 'TC for glue that does not fit',
    peers: ['nsd', 'bind'],
    because: 'RFC 9471 §3.1 (2023): all in-domain glue or TC; NSD 4.6 and BIND 9.18 give a part',
    explains: ({ ours, theirs }) =>
      ours.sections[1].some((line) => /^\S+ \d+ NS /.test(line)) &&
      has(ours, 'tc') &&
      !has(theirs, 'tc') &&
      sameList(ours, theirs, 0) &&
      sameList(ours, theirs, 1),
  },
  {
    name: 'what is left of a truncated response',
    peers: ['nsd', 'knot', 'bind'],
    because: 'RFC 2181 §9: who sees TC ignores the rest and asks over TCP',
    explains: ({ ours, theirs }) => has(ours, 'tc') && has(theirs, 'tc'),
  },
  {
    name: 'additional data beside an answer',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 1034 §4.3.2 step 6: useful, not required; NSD and BIND have less, Knot glue too (RFC 9471 §2)',
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
    name: 'addresses of name servers outside the cut',
    peers: ['bind'],
    because: 'RFC 9471 §3.2: sibling glue is added where it fits; BIND with minimal-responses leaves it out',
    explains: ({ ours, theirs }) =>
      isReferral(ours) &&
      sameButLists(ours, theirs) &&
      sameList(ours, theirs, 1) &&
      isSubset(theirs.sections[2], ours.sections[2]),
  },
  {
    name: 'length of a chain of aliases',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 1034 §3.6.2 asks for chains to be followed and names no bound: ours is 16, Knot 5, BIND 12, NSD ' +
      'more, but fewer DNAMEs',
    explains: ({ peer, ours, theirs }) => {
      const [mine, other] = [aliases(ours), aliases(theirs)];
      if (peer === 'knot')
        return other.length === KNOT_CHAIN && mine.length > other.length && isSubset(other, mine);
      if (peer === 'bind')
        return (
          theirs.rcode === RCODE.SERVFAIL &&
          other.length >= BIND_CHAIN - 1 &&
          (isSubset(other, mine) || (has(ours, 'tc') && isSubset(mine, other)))
        );
      const fewer = mine.length > other.length && isSubset(other, mine);
      const grows = fewer && answers(theirs).some((line) => /^\S+ \d+ DNAME /.test(line));
      return (mine.length === OUR_CHAIN && (has(theirs, 'tc') || isSubset(mine, other))) || grows;
    },
  },
  {
    name: 'where a loop of aliases is noticed',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 1034 §3.6.2: a loop is an error of the data; the records are the same, only some twice, and ' +
      'BIND says SERVFAIL',
    explains: ({ peer, ours, theirs }) =>
      (peer === 'bind' && theirs.rcode === RCODE.SERVFAIL && has(theirs, 'tc') && isLoop(aliases(ours))) ||
      (isLoop(aliases(theirs)) &&
        (peer === 'bind' ? theirs.rcode === RCODE.SERVFAIL : sameButLists(ours, theirs)) &&
        [...new Set(answers(theirs))].sort().join() === answers(ours).join()),
  },
  {
    name: 'aliases from one zone into another',
    peers: ['knot', 'bind'],
    because: 'RFC 1034 §4.3.2 step 3a: back to step 1, which looks at every zone; both stay in the first',
    explains: ({ ours, theirs, zoneOf }) =>
      aliases(theirs).some((line) => {
        const [owner = '', , , target = ''] = line.split(' ');
        return zoneOf(owner) !== zoneOf(target.toLowerCase());
      }) &&
      isSubset(answers(theirs), answers(ours)) &&
      theirs.sections[1].every((line) => /^\S+ \d+ (?:RRSIG )?(?:NS|DS|NSEC3?) /.test(line)),
  },
  {
    name: 'NSEC asked at an alias',
    peers: ['knot', 'bind'],
    because: 'RFC 1034 §4.3.2 step 3a: without an NSEC of its own, the name is an alias for this type too',
    explains: ({ question, ours, theirs }) =>
      question.type === 'NSEC' &&
      (aliases(ours).length > 0 || ours.rcode === RCODE.YXDOMAIN) &&
      isSubset(answers(theirs), answers(ours)),
  },
  {
    name: 'names that a loaded child hides',
    peers: ['nsd'],
    because:
      'RFC 1034 §4.3.2 step 2: the nearest zone answers, so that what its parent has below is not there',
    explains: ({ question, ours, theirs }) =>
      /^hidden\.child\.parent\./i.test(question.name) &&
      ours.rcode === RCODE.NXDOMAIN &&
      theirs.rcode === RCODE.NOERROR &&
      answers(theirs).length === 0,
  },
  {
    name: 'case of the target of a DNAME',
    peers: ['nsd', 'knot'],
    because: 'RFC 4343 §4.1: the case of data is kept; NSD and Knot have it in small letters',
    explains: ({ ours, theirs }) =>
      sameButLists(ours, theirs) &&
      answers(ours).join().toLowerCase() === answers(theirs).join().toLowerCase() &&
      sameList(ours, theirs, 1) &&
      sameList(ours, theirs, 2),
  },
  {
    name: 'a DNAME that makes a name too long',
    peers: ['knot'],
    because: 'RFC 6672 §2.2: YXDOMAIN; Knot says NXDOMAIN',
    explains: ({ ours, theirs }) =>
      ours.rcode === RCODE.YXDOMAIN && theirs.rcode === RCODE.NXDOMAIN && sameList(ours, theirs, 0),
  },
  {
    name: 'how far long names are compressed',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 1035 §4.1.4: compression is optional; so one fits where the other says TC, or Knot leaves SOA out',
    explains: ({ peer, ours, theirs }) => {
      const long = answers(ours).some((line) => line.length > LONG);
      if (peer === 'knot' && long && sameList(ours, theirs, 0) && theirs.sections[1].length === 0)
        return ours.rcode === theirs.rcode;
      const [cut, whole] = has(ours, 'tc') ? [ours, theirs] : [theirs, ours];
      return (
        has(cut, 'tc') &&
        // A response that is cut has the rcode of the chain so far.
        (cut.rcode === 0 || cut.rcode === whole.rcode) &&
        answers(whole).some((line) => line.length > LONG) &&
        cut.sections.every((list, section) => isSubset(list, whole.sections[section] ?? []))
      );
    },
  },
];

/** BIND gives CD back; RFC 4035 §3.1.6 asks for it to be cleared. Compared without it. */
export const CD_GIVEN_BACK = 'CD given back';
