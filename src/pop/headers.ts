/**
 * Header fields in order: lower-case names, one entry a field line. Fields may stand several times; what
 * joins them is RFC 9110 §5.3.
 */
export type HeaderList = readonly HeaderField[];

export type HeaderField = readonly [name: string, value: string];

/** All values of a field joined with `, `; undefined where there is none. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  let joined: string | undefined;
  for (const [field, value] of headers)
    if (field === name) joined = joined === undefined ? value : `${joined}, ${value}`;
  return joined;
}

/** The values of a field, line by line. */
export function headerLines(headers: HeaderList, name: string): string[] {
  const lines: string[] = [];
  for (const [field, value] of headers) if (field === name) lines.push(value);
  return lines;
}

export function hasHeader(headers: HeaderList, name: string): boolean {
  for (const [field] of headers) if (field === name) return true;
  return false;
}

/** What `Content-Length` says; undefined where there is none that can be read. */
export function lengthOf(headers: HeaderList): number | undefined {
  for (const [name, value] of headers)
    if (name === 'content-length' && /^\d{1,15}$/.test(value)) return Number(value);
  return undefined;
}

/** The list with the field once, at its end. */
export function withHeader(headers: HeaderList, name: string, value: string): HeaderField[] {
  const others = withoutHeaders(headers, name);
  others.push([name, value]);
  return others;
}

/** The list without these fields. */
export function withoutHeaders(headers: HeaderList, ...names: readonly string[]): HeaderField[] {
  return headers.filter(([field]) => !names.includes(field));
}

/** Members of a comma-separated list that are not empty (RFC 9110 §5.6.1); commas in quotes do not count. */
export function listMembers(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i <= value.length; i++) {
    const sign = value[i];
    if (isQuoted && sign === '\\') i++;
    else if (sign === '"') isQuoted = !isQuoted;
    else if (sign === undefined || (sign === ',' && !isQuoted)) {
      const member = value.slice(start, i).trim();
      if (member !== '') members.push(member);
      start = i + 1;
    }
  }
  return members;
}

/** Fields that are for one connection only (RFC 9110 §7.6.1), and older ones of the kind. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The list without what was for one connection only, those that `Connection` names among them. */
export function endToEnd(headers: HeaderList): HeaderField[] {
  const rest: HeaderField[] = [];
  for (const field of headers) {
    const [name] = field;
    if (name.charCodeAt(0) !== COLON && !HOP_BY_HOP.has(name)) rest.push(field);
  }
  const connection = rest.length === headers.length ? undefined : headerOf(headers, 'connection');
  if (connection === undefined) return rest;
  const named = listMembers(connection).map((member) => member.toLowerCase());
  return rest.filter(([name]) => !named.includes(name));
}

/** HTTP/2's own fields begin with it. */
const COLON = 0x3a;

/** Pairs out of Node's raw headers: name, value, name, value. */
export function fromRawHeaders(raw: readonly (string | Buffer)[]): HeaderField[] {
  const headers: HeaderField[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) headers.push([text(raw[i]).toLowerCase(), text(raw[i + 1])]);
  return headers;
}

function text(value: string | Buffer | undefined): string {
  return typeof value === 'string' ? value : (value?.toString('latin1') ?? '');
}
