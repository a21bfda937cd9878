import type { Message } from '../helpers/message.ts';
import type { Difference } from './differences.ts';
import { aliases, answers, has, isSubset, sameButLists, sameList } from './sameness.ts';

/** An NSEC or NSEC3, or a signature of one. */
const PROOF = /^\S+ \d+ (?:RRSIG )?NSEC3? /;

/** Differences that signed zones add to those of plain ones. */
export const SIGNED_DIFFERENCES: readonly Difference[] = [
  {
    name: 'how much room signed answers take',
    peers: ['nsd', 'knot', 'bind'],
    because:
      'RFC 1035 §4.1.4: compression is optional; we write out what of an NSEC owner is not the zone, BIND ' +
      'compresses less elsewhere: one says TC where the other fits',
    explains: ({ question, ours, theirs }) => {
      const [cut, whole] = has(ours, 'tc') ? [ours, theirs] : [theirs, ours];
      return (
        question.dnssecOk === true &&
        has(cut, 'tc') &&
        !has(whole, 'tc') &&
        (cut.rcode === 0 || cut.rcode === whole.rcode) &&
        cut.sections.every((list, section) => isSubset(list, whole.sections[section] ?? []))
      );
    },
  },
  {
    name: 'proofs of the name that an alias leads to',
    peers: ['nsd'],
    because:
      'RFC 4035 §3.1.3: what is proved is that of the last name and its wildcard; after a DNAME or a ' +
      'change of zones NSD 4.6 proves less, or another name. Knot and BIND prove what we do',
    explains: ({ ours, theirs, zoneOf }) =>
      (answers(ours).some((line) => /^\S+ \d+ DNAME /.test(line)) ||
        aliases(ours).some((line) => {
          const [owner = '', , , target = ''] = line.split(' ');
          return zoneOf(owner) !== zoneOf(target.toLowerCase());
        })) &&
      ours.rcode === theirs.rcode &&
      sameButProofs(ours, theirs),
  },
  {
    name: 'a proof that another one holds too',
    peers: ['nsd', 'knot', 'bind'],
    because: 'RFC 4035 §3.1.3: one NSEC may show several things; then others repeat it, or more',
    explains: ({ ours, theirs }) => differsByProofs(ours, theirs),
  },
  {
    name: 'wildcards that are empty non-terminals',
    peers: ['bind'],
    because:
      'RFC 4592 §2.2.2, RFC 4035 §3.1.3.4: that the wildcard has nothing is proved too; BIND leaves it out',
    explains: ({ ours, theirs }) => ours.rcode === 0 && differsByProofs(theirs, ours),
  },
  {
    name: 'NSEC asked at a cut',
    peers: ['bind'],
    because: "RFC 4035 §3.1.4.1: DS alone is the parent's to answer; other types get a referral",
    explains: ({ question, ours, theirs }) =>
      question.type === 'NSEC' &&
      ours.sections[1].some((line) => /^\S+ \d+ NS /.test(line)) &&
      answers(ours).length === 0 &&
      answers(theirs).every((line) => /^\S+ \d+ (?:RRSIG )?NSEC /.test(line)),
  },
  {
    name: 'NSEC asked of an alias in a zone with NSEC3',
    peers: ['nsd'],
    because:
      'RFC 4035 §2.5: an alias may have an NSEC of its own, so that a question for it is not for the target',
    explains: ({ question, ours, theirs }) =>
      question.type === 'NSEC' && answers(ours).length === 0 && aliases(theirs).length > 0,
  },
  {
    name: 'a wildcard asked for by its own name',
    peers: ['nsd'],
    because:
      'RFC 5155 §7.2.3: the name exists, so its own NSEC3 proves what it has not; NSD proves an expansion',
    explains: ({ question, ours, theirs }) =>
      (question.name.startsWith('*.') || aliases(ours).length > 0) &&
      ours.rcode === 0 &&
      theirs.rcode === 0 &&
      theirs.sections[1].some((line) => /^\S+ \d+ NSEC3 /.test(line)) &&
      sameButProofs(ours, theirs),
  },
  {
    name: 'TC for additional data',
    peers: ['nsd'],
    because: 'RFC 2181 §9: TC is not for what would only be useful',
    explains: ({ ours, theirs }) =>
      has(theirs, 'tc') && !has(ours, 'tc') && sameList(ours, theirs, 0) && sameList(ours, theirs, 1),
  },
];

/** Whether two messages differ in NSEC or NSEC3 at most, and in what room those leave. */
function sameButProofs(ours: Message, theirs: Message): boolean {
  const rest = (message: Message) => message.sections[1].filter((line) => !PROOF.test(line));
  const said = (message: Message) => answers(message).join().toLowerCase();
  const isCut = has(theirs, 'tc') && isSubset(rest(theirs), rest(ours));
  return said(ours) === said(theirs) && (isCut || rest(ours).join() === rest(theirs).join());
}

/** Whether `more` says what `less` says, with further NSEC or NSEC3 and their signatures. */
function differsByProofs(less: Message, more: Message): boolean {
  const further = more.sections[1].filter((line) => !less.sections[1].includes(line));
  return (
    sameButLists(less, more) &&
    // NSD has the target of a DNAME in small letters.
    answers(less).join().toLowerCase() === answers(more).join().toLowerCase() &&
    sameList(less, more, 2) &&
    isSubset(less.sections[1], more.sections[1]) &&
    further.every((line) => PROOF.test(line))
  );
}
