import type { IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Endpoint, isLoopback } from '../config/scalars.ts';
import type { AdminApi } from './api.ts';
import { type Assets, readAssets } from './assets.ts';
import { createEvents, type Events } from './events.ts';
import { type Guard, type Refusal, refusalOf, tokenRefusal } from './guard.ts';
import { type HttpServer, serveReplies } from './http-server.ts';
import { createMetricsPage } from './metrics.ts';
import { errorReply, problemReply, type Reply } from './reply.ts';
import { answerRoute } from './routes.ts';

/** What the console needs to run. */
export interface AdminOptions {
  readonly listen: Endpoint;
  /** Secret that changes must carry, and where whoever may make them finds it, in words. */
  readonly token: string;
  readonly tokenWhere: string;
  readonly api: AdminApi;
  /** Descriptor of a socket that listens there already, of the process that this one replaces. */
  readonly inherit?: number | undefined;
  /** Told of errors that nobody foresaw; the client gets a 500. */
  readonly onError: (error: unknown) => void;
}

/** What `npm run console` builds. */
const APPLICATION = fileURLToPath(new URL('dist', import.meta.url));

/** A running console. */
export type Admin = HttpServer;

/**
 * Starts the console, `/metrics` and the admin API. Throws `OperatorError`: `port-in-use`, `not-permitted`,
 * `bad-config` for an address that this machine does not have.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { listen, token, tokenWhere } = options;
  const guard: Guard = { token, tokenWhere, loopback: isLoopback(listen.host) };
  const metrics = createMetricsPage();
  const events = createEvents(() => JSON.stringify(options.api.live.state()));
  const assets = await readAssets(APPLICATION);
  const { inherit, onError } = options;
  return serveReplies((request) => answer(request, guard, { ...options, metrics, events, assets }), {
    listen,
    inherit,
    onError,
  });
}

type Answering = AdminOptions & {
  readonly metrics: ReturnType<typeof createMetricsPage>;
  readonly events: Events;
  readonly assets: Assets;
};

/** Never rejects: what goes wrong is a reply. */
async function answer(request: IncomingMessage, guard: Guard, options: Answering): Promise<Reply> {
  try {
    const base = 'http://localhost';
    const url = URL.canParse(request.url ?? '', base) ? new URL(request.url ?? '', base) : undefined;
    if (url === undefined) return problemReply(400, ['the request target is not a path']);
    const refusal = refusalOf(request, url.pathname, guard);
    if (refusal !== undefined) return refusalReply(refusal);
    const mayNotChange = (): Reply | undefined => {
      const why = tokenRefusal(request, guard);
      return why && refusalReply(why);
    };
    const query = url.searchParams;
    return await answerRoute(url.pathname, { ...options, request, query, mayNotChange });
  } catch (error) {
    const reply = errorReply(error);
    if (reply !== undefined) return reply;
    options.onError(error);
    return problemReply(500, ['an internal error, which is in the log']);
  }
}

function refusalReply({ status, message }: Refusal): Reply {
  const reply = problemReply(status, [message], 'not-permitted');
  return status === 401 ? { ...reply, headers: { 'www-authenticate': 'Bearer' } } : reply;
}
