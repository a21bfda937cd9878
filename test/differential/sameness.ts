import type { Message } from '../helpers/message.ts';

/** Whether the two messages say the same: rcode, flags, sections as sets with TTLs, EDNS. */
export function same(ours: Message, theirs: Message): boolean {
  return sameButLists(ours, theirs) && [0, 1, 2].every((section) => sameList(ours, theirs, section));
}

export function sameButLists(ours: Message, theirs: Message): boolean {
  return (
    ours.rcode === theirs.rcode &&
    ours.flags === theirs.flags &&
    ours.question === theirs.question &&
    JSON.stringify(ours.edns) === JSON.stringify(theirs.edns)
  );
}

export function sameList(ours: Message, theirs: Message, section: number): boolean {
  return ours.sections[section]?.join('\n') === theirs.sections[section]?.join('\n');
}

export function sameAa(ours: Message, theirs: Message): boolean {
  return has(ours, 'aa') === has(theirs, 'aa');
}

export function has(message: Message, flag: string): boolean {
  return message.flags.split(' ').includes(flag);
}

export function answers(message: Message): string[] {
  return message.sections[0];
}

export function aliases(message: Message): string[] {
  return answers(message).filter((line) => /^\S+ \d+ CNAME /.test(line));
}

/** Whether the last of the names that aliases lead to is the owner of one of them. */
export function isLoop(lines: readonly string[]): boolean {
  const next = new Map(lines.map((line) => [line.split(' ')[0], line.split(' ')[3]?.toLowerCase()]));
  return [...next.values()].every((target) => next.has(target));
}

export function isReferral(message: Message): boolean {
  return !has(message, 'aa') && answers(message).length === 0 && message.sections[1].length > 0;
}

export function isSubset(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((line) => whole.includes(line));
}
