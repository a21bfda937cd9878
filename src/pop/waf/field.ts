import { json } from './json-body.ts';
import { limited, readOversize } from './oversize.ts';
import { fields, items, type Node, onlyKey, report, text, word } from './reading.ts';
import type { Field, Inspected, Run } from './run.ts';

/** Octets of headers and of cookies that are looked at, and how many headers: AWS WAF's bounds. */
const HEADERS_OCTETS_MAX = 8192;
const HEADERS_MAX = 200;
/** Capacity units of looking at every query argument. */
const ALL_ARGUMENTS_UNITS = 10;

const plain = (read: Field['read']): Field => ({ read, isBody: false, isDouble: false, extra: 0 });

/** Reads a `FieldToMatch`; undefined, reported, where it is none. */
export function readField(node: Node | undefined): Field | undefined {
  if (node === undefined) return undefined;
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  switch (kind) {
    case 'Method':
      return empty(inner) && plain(({ request }) => one(request.method));
    case 'UriPath':
      return empty(inner) && plain(({ request }) => one(request.path));
    case 'QueryString':
      return empty(inner) && plain(({ request }) => one(request.query));
    case 'AllQueryArguments':
      return empty(inner) && { ...plain(allArguments), extra: ALL_ARGUMENTS_UNITS };
    case 'SingleQueryArgument':
      return named(inner, 30, (name) => (run) => ({ parts: argumentsNamed(run, name) }));
    case 'SingleHeader':
      return named(inner, 64, (name) => (run) => ({ parts: headersNamed(run, name) }));
    case 'Body':
      return body(inner);
    case 'JsonBody':
      return json(inner);
    case 'Headers':
      return several(inner, { word: 'Headers', pairs: headerPairs });
    case 'Cookies':
      return several(inner, { word: 'Cookies', pairs: cookiePairs });
    case 'HeaderOrder':
      return headerOrder(inner);
    case 'JA3Fingerprint':
    case 'JA4Fingerprint':
    case 'UriFragment':
      return report(inner, `a POP does not see what ${kind} looks at: leave the rule out`);
    default:
      return report(inner, `no such part of a request; known here: ${KINDS.join(', ')}`);
  }
}

const KINDS = [
  'Method',
  'UriPath',
  'QueryString',
  'AllQueryArguments',
  'SingleQueryArgument',
  'SingleHeader',
  'Body',
  'JsonBody',
  'Headers',
  'Cookies',
  'HeaderOrder',
];

function one(octets: string): Inspected {
  return { parts: [octets] };
}

function empty(node: Node): true | undefined {
  return fields(node, []) === undefined ? undefined : true;
}

function named(node: Node, lengthMax: number, read: (name: string) => Field['read']): Field | undefined {
  const name = text(fields(node, ['Name'])?.['Name'], { min: 1, max: lengthMax });
  return name === undefined ? undefined : plain(read(name.toLowerCase()));
}

function body(node: Node): Field | undefined {
  const oversize = readOversize(fields(node, [], ['OversizeHandling'])?.['OversizeHandling']) ?? 'CONTINUE';
  const read = ({ request }: Run): Inspected => limited(one(request.body), oversize, !request.bodyIsWhole);
  return { read, isBody: true, isDouble: false, extra: 0 };
}

type Pair = readonly [name: string, value: string];

/** `Headers` and `Cookies`: all, those with certain names, or the others; their names, values, or both. */
function several(
  node: Node,
  what: { readonly word: 'Headers' | 'Cookies'; readonly pairs: (run: Run) => readonly Pair[] },
): Field | undefined {
  const inner = fields(node, ['MatchPattern', 'MatchScope', 'OversizeHandling']);
  const scope = word(inner?.['MatchScope'], ['ALL', 'KEY', 'VALUE']);
  const oversize = readOversize(inner?.['OversizeHandling']);
  const wanted =
    inner?.['MatchPattern'] === undefined ? undefined : pattern(inner['MatchPattern'], what.word);
  if (scope === undefined || oversize === undefined || wanted === undefined) return undefined;
  const parts = ([name, value]: Pair): string[] =>
    scope === 'ALL' ? [name, value] : [scope === 'KEY' ? name : value];
  return plain((run) => {
    const { pairs, isOversize } = withinBounds(what.pairs(run));
    const found = { parts: pairs.filter(([name]) => wanted(name)).flatMap(parts) };
    return limited(found, oversize, isOversize);
  });
}

function pattern(node: Node, what: 'Headers' | 'Cookies'): ((name: string) => boolean) | undefined {
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  if (kind === 'All') return empty(inner) && (() => true);
  if (kind !== `Included${what}` && kind !== `Excluded${what}`)
    return report(inner, `none of All, Included${what}, Excluded${what}`);
  // Names of cookies are compared as they are, names of headers are in lower case already.
  const list = items(inner, { min: 1, max: 199 }).map((item) => text(item, { min: 1, max: 64 }) ?? '');
  const names = new Set(what === 'Headers' ? list.map((name) => name.toLowerCase()) : list);
  return kind === `Included${what}` ? (name) => names.has(name) : (name) => !names.has(name);
}

function withinBounds(pairs: readonly Pair[]): { pairs: readonly Pair[]; isOversize: boolean } {
  let left = HEADERS_OCTETS_MAX;
  const kept = pairs.slice(0, HEADERS_MAX).filter(([name, value]) => {
    left -= name.length + value.length;
    return left >= 0;
  });
  return { pairs: kept, isOversize: kept.length < pairs.length };
}

function headerOrder(node: Node): Field | undefined {
  const oversize = readOversize(fields(node, ['OversizeHandling'])?.['OversizeHandling']);
  if (oversize === undefined) return undefined;
  return plain((run) => {
    const { pairs, isOversize } = withinBounds(headerPairs(run));
    return limited(one(pairs.map(([name]) => name).join(':')), oversize, isOversize);
  });
}

const headerPairs = ({ request }: Run): readonly Pair[] => request.headers;

function cookiePairs({ request }: Run): readonly Pair[] {
  return request.headers
    .filter(([name]) => name === 'cookie')
    .flatMap(([, value]) => value.split(';'))
    .map((pair) => nameAndValue(pair.trim()))
    .filter(([name, value]) => name !== '' || value !== '');
}

/** Values of the headers of a name (lower case). */
export function headersNamed({ request }: Run, name: string): string[] {
  return request.headers.filter(([one]) => one === name).map(([, value]) => value);
}

/** Values of the cookies of a name. */
export function cookiesNamed(run: Run, name: string): string[] {
  return cookiePairs(run)
    .filter(([one]) => one === name)
    .map(([, value]) => value);
}

/** Values of the query arguments of a name (lower case), as they stand in the query. */
export function argumentsNamed({ request }: Run, name: string): string[] {
  return argumentPairs(request.query)
    .filter(([one]) => one.toLowerCase() === name)
    .map(([, value]) => value);
}

function allArguments({ request }: Run): Inspected {
  return { parts: argumentPairs(request.query).map(([, value]) => value) };
}

function argumentPairs(query: string): Pair[] {
  return query === '' ? [] : query.split('&').map(nameAndValue);
}

function nameAndValue(pair: string): Pair {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}
