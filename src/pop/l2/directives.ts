import { listMembers } from '../headers.ts';

/** Directives by lower-case name; true where one has no argument. The first of a name counts. */
export type Directives = ReadonlyMap<string, string | true>;

/**
 * Cache-Control directives of all lines (RFC 9111 §5.2). An argument may be a token or quoted; white space
 * around `=` makes it another directive, which nobody knows.
 */
export function parseDirectives(lines: readonly string[]): Directives {
  const directives = new Map<string, string | true>();
  for (const line of lines)
    for (const member of listMembers(line)) {
      const mark = member.indexOf('=');
      const name = (mark < 0 ? member : member.slice(0, mark)).toLowerCase();
      if (!directives.has(name)) directives.set(name, mark < 0 ? true : unquoted(member.slice(mark + 1)));
    }
  return directives;
}

/** A number of seconds in ms: undefined where the directive is not there, 0 where it makes no sense. */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  // RFC 9111 §4.2.1: what has invalid freshness information is stale.
  if (value === true || !/^\d+$/.test(value)) return 0;
  return Math.min(Number(value), SECONDS_MAX) * 1000;
}

/** RFC 9111 §1.2.2: greater ones may be taken for this. */
const SECONDS_MAX = 2 ** 31;

/** Names of fields that a qualified `no-cache="a, b"` or `private="a"` lists; empty where it lists none. */
export function fieldsOf(directives: Directives, name: string): readonly string[] {
  const value = directives.get(name);
  return typeof value === 'string' ? listMembers(value).map((field) => field.toLowerCase()) : [];
}

function unquoted(text: string): string {
  if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) return text;
  return text.slice(1, -1).replace(/\\(.)/g, '$1');
}
