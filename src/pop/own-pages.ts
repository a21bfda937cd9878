import { BEACON_OBJECT_PATH } from './beacon-page.ts';
import { type ExplainChoice, respond } from './page-answer.ts';
import type { PopRequest, PopResponse, RequestContext } from './request-path.ts';
import { pathOf } from './target.ts';

/** Answered by every POP for every host: checks and beacons do not depend on what is configured. */
const FOR_ALL_HOSTS: ReadonlySet<string> = new Set(['/healthz', BEACON_OBJECT_PATH]);
/** Answered for hosts of which no distribution is configured. */
const PAGES: ReadonlySet<string> = new Set(['/', '/beacon.html']);

/** What the POP's own pages need. */
export interface OwnPagesOptions {
  readonly explain: ExplainChoice;
  /** Address of the beacon's script, for the example page; absent: there is none. */
  readonly beaconScript: string | undefined;
  /** Whether a distribution is one that somebody configured. */
  readonly isConfigured: (distributionId: string) => boolean;
  readonly log: (message: string) => void;
}

/** What the POP itself answers; undefined: the request is for a distribution. */
export function ownPages(
  options: OwnPagesOptions,
): (request: PopRequest, context: RequestContext) => Promise<PopResponse> | undefined {
  return (request, context) => {
    const path = pathOf(request.target);
    const { id, domains } = context.distribution;
    const isOwn = FOR_ALL_HOSTS.has(path) || (PAGES.has(path) && !options.isConfigured(id));
    if (!isOwn && domains.length > 0) return undefined;
    return page(options, request, context);
  };
}

async function page(
  options: OwnPagesOptions,
  request: PopRequest,
  context: RequestContext,
): Promise<PopResponse> {
  const { pop, link } = context;
  try {
    const answer = await respond(
      {
        method: request.method,
        target: request.target,
        headers: Object.fromEntries(request.headers),
        protocol: request.httpVersion === '2' ? 'HTTP/2' : 'HTTP/1.1',
        pop,
        link,
        peer: request.clientAddress,
        beaconScript: options.beaconScript,
      },
      options.explain,
      context.monotonicMs,
    );
    return made(answer.status, Object.entries(answer.headers), answer.body);
  } catch (error) {
    // The page is a window on the name server, and must not take it down.
    options.log(`${pop.code}: the page failed: ${(error as Error).stack}`);
    return made(500, [['content-type', 'text/plain']], 'the page failed, see the log\n');
  }
}

function made(status: number, headers: [string, string][], body: string): PopResponse {
  return { status, headers, body: Buffer.from(body), from: 'l1', result: status < 400 ? 'Miss' : 'Error' };
}
