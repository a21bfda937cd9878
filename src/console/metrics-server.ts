import type { CounterSnapshot } from '../base/counters.ts';
import type { Endpoint } from '../config/scalars.ts';
import { type HttpServer, serveReplies } from './http-server.ts';
import { createCountersPage } from './metrics.ts';
import type { ProcessFacts } from './metrics-view.ts';
import { problemReply, textReply } from './reply.ts';

/** Serves `/metrics` and `/healthz` alone: for roles that have no console. Throws as `startAdmin` does. */
export function startMetricsServer(options: {
  readonly listen: Endpoint;
  readonly facts: ProcessFacts;
  readonly counters: () => CounterSnapshot;
  readonly onError: (error: unknown) => void;
}): Promise<HttpServer> {
  const page = createCountersPage(options.facts);
  return serveReplies(async ({ url = '', method = '' }) => {
    const path = url.replace(/\?.*/, '');
    if (path !== '/metrics' && path !== '/healthz')
      return problemReply(404, [`there is nothing at ${path}`], 'not-found');
    if (method !== 'GET' && method !== 'HEAD')
      return problemReply(405, [`${path} knows GET, HEAD, not ${method}`]);
    return path === '/healthz' ? textReply('alive') : page(options.counters());
  }, options);
}
