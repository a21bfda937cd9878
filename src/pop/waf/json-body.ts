import { limited, readOversize } from './oversize.ts';
import { fields, items, type Node, onlyKey, report, text, word } from './reading.ts';
import type { Field, Inspected } from './run.ts';

/** Levels of a JSON body that are looked at. */
const DEPTH_MAX = 64;

/** Reads a `JsonBody`: names and values of the JSON text in the body. */
export function json(node: Node): Field | undefined {
  const inner = fields(node, ['MatchPattern', 'MatchScope'], ['InvalidFallbackBehavior', 'OversizeHandling']);
  const scope = word(inner?.['MatchScope'], ['ALL', 'KEY', 'VALUE']);
  const invalid = word(inner?.['InvalidFallbackBehavior'], ['MATCH', 'NO_MATCH', 'EVALUATE_AS_STRING']);
  const oversize = readOversize(inner?.['OversizeHandling']) ?? 'CONTINUE';
  const wanted = inner?.['MatchPattern'] === undefined ? undefined : pattern(inner['MatchPattern']);
  if (scope === undefined || wanted === undefined) return undefined;
  const parse = (body: string): Inspected => {
    const parts: string[] = [];
    try {
      const value: unknown = JSON.parse(Buffer.from(body, 'latin1').toString('utf8'));
      collect(value, { wanted, scope, parts, at: '', depth: 0, isIn: wanted('') });
      return { parts };
    } catch {
      if (invalid === 'MATCH' || invalid === 'NO_MATCH') return { parts, instead: invalid === 'MATCH' };
      return { parts: invalid === undefined ? partsBeforeFault(body) : [body] };
    }
  };
  return {
    read: ({ request }) =>
      request.body === '' && request.bodyIsWhole
        ? { parts: [] }
        : limited(parse(request.body), oversize, !request.bodyIsWhole),
    isBody: true,
    isDouble: true,
    extra: 0,
  };
}

function pattern(node: Node): ((pointer: string) => boolean) | undefined {
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  if (kind === 'All') return fields(inner, []) && (() => true);
  if (kind !== 'IncludedPaths') return report(inner, 'none of All, IncludedPaths');
  const paths = new Set(items(inner, { min: 1, max: 100 }).map((item) => text(item, { min: 1, max: 512 })));
  return (pointer) => paths.has(pointer);
}

interface Walk {
  readonly wanted: (pointer: string) => boolean;
  readonly scope: 'ALL' | 'KEY' | 'VALUE';
  readonly parts: string[];
  /** JSON pointer, RFC 6901. */
  readonly at: string;
  readonly depth: number;
  /** It, or something around it, is wanted. */
  readonly isIn: boolean;
}

function collect(value: unknown, walk: Walk): void {
  const { scope, parts, at, depth, isIn, wanted } = walk;
  if (typeof value !== 'object' || value === null) {
    if (isIn && scope !== 'KEY') parts.push(octetsOf(String(value)));
    return;
  }
  if (depth === DEPTH_MAX) throw new Error('too deep');
  for (const [key, inner] of Object.entries(value)) {
    const below = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const inside = isIn || wanted(below);
    if (inside && scope !== 'VALUE' && !Array.isArray(value)) parts.push(octetsOf(key));
    collect(inner, { ...walk, at: below, depth: depth + 1, isIn: inside });
  }
}

/** Linear: a string that has no end takes all that is left. */
const BROKEN_PARTS = /"(?:[^"\\]|\\[\s\S])*(?:"|\\?$)|[^\s{}[\],:"]+/g;

/** Of a text that is no JSON: the strings, numbers and words up to where it breaks. */
function partsBeforeFault(body: string): string[] {
  return body.match(BROKEN_PARTS)?.map((part) => part.replace(/^"|"$/g, '')) ?? [];
}

function octetsOf(characters: string): string {
  return Buffer.from(characters, 'utf8').toString('latin1');
}
