import type { IncomingHttpHeaders } from 'node:http';
import { type Address, formatAddress, parseAddress } from '../base/address.ts';
import type { Link, Pop } from '../base/fleet.ts';
import { BEACON_OBJECT_HEADERS, BEACON_OBJECT_PATH, beaconPage } from './beacon-page.ts';
import { type Choice, CONTENT_SECURITY_POLICY, type PageContent, renderJson, renderPage } from './page.ts';
import { renderPlain } from './plain-page.ts';

/** A request as both HTTP versions give it, and where it came in. */
export interface PageRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  readonly pop: Pop;
  readonly link: Link;
  /** Address of the other end of the connection. */
  readonly peer: string;
  /** Address of the beacon's script, for /beacon.html; absent: there is no such page. */
  readonly beaconScript?: string | undefined;
}

/** What is sent back; the body is left out for HEAD. */
export interface PageAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Says how the POP for a client of a host is chosen now; undefined for a host that is not steered. */
export type ExplainChoice = (
  host: string,
  client: Address,
) => Choice | undefined | Promise<Choice | undefined>;

/** Longest target that is looked at, in characters. */
const TARGET_MAX = 2_048;

/** The POP's answer to a request. `explain` is the only thing it asks of the rest; `nowMs` measures it. */
export async function respond(
  request: PageRequest,
  explain: ExplainChoice,
  nowMs: () => number,
): Promise<PageAnswer> {
  const { method, pop } = request;
  if (method !== 'GET' && method !== 'HEAD')
    return plain(request, 405, `${pop.code} answers GET and HEAD only\n`, { allow: 'GET, HEAD' });
  if (request.target.length > TARGET_MAX) return plain(request, 414, `at most ${TARGET_MAX} characters\n`);
  if (!URL.canParse(request.target, 'https://pop')) return plain(request, 400, 'that is no path\n');
  const { pathname, searchParams } = new URL(request.target, 'https://pop');
  if (pathname === '/healthz') return plain(request, 200, 'ok\n');
  if (pathname === BEACON_OBJECT_PATH) return plain(request, 200, 'o\n', BEACON_OBJECT_HEADERS);
  if (pathname === '/beacon.html' && request.beaconScript !== undefined) {
    const { html, policy } = beaconPage(request.beaconScript);
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy };
    return answer(request, 200, html, headers);
  }
  if (pathname !== '/') return plain(request, 404, `${pop.code} has / and /healthz only\n`);
  const begunMs = nowMs();
  const content = await pageContent(request, searchParams.get('client'), explain);
  const tookMs = (nowMs() - begunMs).toFixed(2);
  const headers = { 'server-timing': `explain;dur=${tookMs};desc="measured"`, vary: 'accept' };
  const { type, render } = formWanted(request.headers.accept);
  return answer(request, 200, render(content), { ...headers, 'content-type': type });
}

async function pageContent(
  request: PageRequest,
  asked: string | null,
  explain: ExplainChoice,
): Promise<PageContent> {
  const { pop, link, protocol, peer } = request;
  const host = hostOf(request.headers);
  const given = asked === null ? undefined : parseAddress(asked);
  const address = given ?? parseAddress(peer);
  const choice = address === undefined ? undefined : await explain(host, address);
  return {
    pop,
    link,
    host,
    client: address === undefined ? peer : formatAddress(address),
    clientFrom: given === undefined ? 'connection' : 'query',
    protocol,
    ...(choice === undefined ? {} : { choice }),
    ...(asked !== null && given === undefined ? { note: `client=${asked} is not an IP address` } : {}),
  };
}

/** The host without port, in lower case. */
function hostOf(headers: IncomingHttpHeaders): string {
  const authority = headers[':authority'] ?? headers.host ?? '';
  return String(authority).replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

interface Form {
  readonly name: string;
  readonly type: string;
  readonly render: (content: PageContent) => string;
}

/** Who asks for nothing in particular, as curl does, sits at a terminal. */
const PLAIN: Form = { name: 'text/plain', type: 'text/plain; charset=utf-8', render: renderPlain };
/** In the order that counts where a client likes several alike. */
const FORMS: readonly Form[] = [
  { name: 'text/html', type: 'text/html; charset=utf-8', render: renderPage },
  { name: 'application/json', type: 'application/json', render: renderJson },
  PLAIN,
];

/** The form that the client names with the highest weight (RFC 9110 §12.5.1); plain text if it names none. */
function formWanted(accept = ''): Form {
  const weights = new Map<string, number>();
  for (const part of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((word) => word.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const best = Math.max(...FORMS.map(({ name }) => weights.get(name) ?? 0));
  return best === 0 ? PLAIN : (FORMS.find(({ name }) => weights.get(name) === best) ?? PLAIN);
}

function plain(request: PageRequest, status: number, body: string, headers: Record<string, string> = {}) {
  return answer(request, status, body, { ...headers, 'content-type': 'text/plain; charset=utf-8' });
}

function answer(
  request: PageRequest,
  status: number,
  body: string,
  headers: Record<string, string>,
): PageAnswer {
  return {
    status,
    body,
    headers: {
      'content-security-policy': CONTENT_SECURITY_POLICY,
      ...headers,
      'content-length': String(Buffer.byteLength(body)),
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-isochrone-pop': request.pop.code,
      'x-isochrone-link': request.link.id,
    },
  };
}
