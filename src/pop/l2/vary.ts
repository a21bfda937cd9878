import { type HeaderList, headerLines, listMembers } from '../headers.ts';

/** Names of the request fields that a response varies by, lower-case, sorted, each once. */
export function varyNames(headers: HeaderList): string[] {
  const names = headerLines(headers, 'vary').flatMap((line) => listMembers(line.toLowerCase()));
  return [...new Set(names)].sort();
}

/**
 * What a request has of these fields, in a form in which equal requests are equal texts: lines joined, white
 * space around members gone, languages and encodings in small letters and in no order (RFC 9111 §4.1).
 */
export function varyKey(names: readonly string[], requestHeaders: HeaderList): string {
  if (names.length === 0) return '';
  return names.map((name) => `${name}:${normalised(name, headerLines(requestHeaders, name))}`).join('\n');
}

/** Fields whose members have weights and no order. */
const WEIGHTED: ReadonlySet<string> = new Set(['accept-language', 'accept-encoding', 'accept-charset']);

function normalised(name: string, lines: readonly string[]): string {
  // A field that is not there differs from one that is empty.
  if (lines.length === 0) return '-';
  const members = lines.flatMap(listMembers);
  if (!WEIGHTED.has(name)) return `=${members.join(',')}`;
  const small = members.map((member) => member.toLowerCase().replace(/\s+/g, ''));
  return `=${small.sort().join(',')}`;
}
