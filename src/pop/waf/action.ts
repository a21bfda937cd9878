import { entriesOf, fields, integer, items, type Node, onlyKey, report, text, word } from './reading.ts';

/** What a rule does with the requests that it means. */
export interface Action {
  readonly kind: 'allow' | 'block' | 'count';
  /** Headers for the origin, names with their prefix. */
  readonly insertHeaders: readonly (readonly [name: string, value: string])[];
  /** What a blocked client gets; absent: 403 without more. */
  readonly response?: BlockResponse;
}

/** A response to a blocked request. */
export interface BlockResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly contentType?: string;
  readonly body?: string;
}

/** The bodies that actions may name. */
export type ResponseBodies = ReadonlyMap<string, { readonly contentType: string; readonly content: string }>;

/** What stands before the names of headers that rules insert. */
export const INSERTED_PREFIX = 'x-amzn-waf-';
const HEADERS_MAX = 10;
const BODY_OCTETS_MAX = 10_240;

/** Reads an `Action` (or a `DefaultAction`, which never counts). */
export function readAction(node: Node, bodies: ResponseBodies): Action | undefined {
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  if (kind === 'Captcha' || kind === 'Challenge')
    return report(inner, 'needs a service that hands out puzzles: use Allow, Block or Count');
  if (kind === 'Block') {
    const custom = fields(inner, [], ['CustomResponse'])?.['CustomResponse'];
    const response = custom === undefined ? undefined : readResponse(custom, bodies);
    return { kind: 'block', insertHeaders: [], ...(response === undefined ? {} : { response }) };
  }
  if (kind !== 'Allow' && kind !== 'Count') return report(inner, 'none of Allow, Block, Count');
  const handling = fields(inner, [], ['CustomRequestHandling'])?.['CustomRequestHandling'];
  const inserted = handling && fields(handling, ['InsertHeaders'])?.['InsertHeaders'];
  return {
    kind: kind === 'Allow' ? 'allow' : 'count',
    insertHeaders: readHeaders(inserted).map(([name, value]) => [INSERTED_PREFIX + name, value] as const),
  };
}

function readResponse(node: Node, bodies: ResponseBodies): BlockResponse | undefined {
  const inner = fields(node, ['ResponseCode'], ['CustomResponseBodyKey', 'ResponseHeaders']);
  const status = integer(inner?.['ResponseCode'], { min: 200, max: 599 });
  const key = text(inner?.['CustomResponseBodyKey'], { min: 1, max: 128 });
  const headers = readHeaders(inner?.['ResponseHeaders']);
  if (status === undefined) return undefined;
  if (key === undefined) return { status, headers };
  const body = bodies.get(key);
  if (body === undefined)
    return report(inner?.['CustomResponseBodyKey'] ?? node, 'CustomResponseBodies has no such key');
  return { status, headers, contentType: body.contentType, body: body.content };
}

function readHeaders(node: Node | undefined): (readonly [name: string, value: string])[] {
  return items(node, { min: 1, max: HEADERS_MAX }).flatMap((item) => {
    const inner = fields(item, ['Name', 'Value']);
    const name = text(inner?.['Name'], { min: 1, max: 64 })?.toLowerCase();
    const value = text(inner?.['Value'], { min: 1, max: 255 });
    if (name === undefined || value === undefined) return [];
    if (/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value)) return [[name, value]];
    report(item, 'is no header that can be sent');
    return [];
  });
}

const CONTENT_TYPES = {
  TEXT_PLAIN: 'text/plain; charset=utf-8',
  TEXT_HTML: 'text/html; charset=utf-8',
  APPLICATION_JSON: 'application/json',
} as const;

/** Reads `CustomResponseBodies`. */
export function readResponseBodies(node: Node | undefined): ResponseBodies {
  const bodies = new Map<string, { contentType: string; content: string }>();
  for (const [key, inner] of Object.entries(node === undefined ? {} : (entriesOf(node) ?? {}))) {
    const parts = fields(inner, ['ContentType', 'Content']);
    const types = Object.keys(CONTENT_TYPES) as (keyof typeof CONTENT_TYPES)[];
    const type = word(parts?.['ContentType'], types);
    const content = text(parts?.['Content'], { min: 1, max: BODY_OCTETS_MAX });
    if (type !== undefined && content !== undefined)
      bodies.set(key, { contentType: CONTENT_TYPES[type], content });
  }
  return bodies;
}
