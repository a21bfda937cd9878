import { manualClock } from '../../src/base/clock.ts';
import { oneChunk } from '../../src/pop/body.ts';
import type { Distribution, PopRequest, PopResponse, RequestContext } from '../../src/pop/request-path.ts';

/** A request as L1 hands it on: what a test does not say is usual. */
export function popRequest(asked: Partial<PopRequest> & { readonly text?: string } = {}): PopRequest {
  const { text, ...given } = asked;
  const target = asked.receivedTarget ?? asked.target ?? '/';
  return {
    method: 'GET',
    receivedTarget: target,
    target,
    host: 'www.cdn.example',
    headers: [['host', 'www.cdn.example']],
    clientAddress: '192.0.2.1',
    clientPort: 40_000,
    httpVersion: '1.1',
    tls: {
      version: 'TLSv1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      serverName: 'www.cdn.example',
      resumed: false,
    },
    body: text === undefined ? undefined : oneChunk(Buffer.from(text)),
    requestId: 'request-id',
    receivedAtMs: 0,
    ...given,
  };
}

/** What goes along with a request, at a time. */
export function popContext(nowMs: number): RequestContext {
  const distribution: Distribution = { id: 'demo', domains: ['*'], behaviours: [], shieldRegion: undefined };
  const place = { index: 0, code: 'FRA' };
  return {
    // Stages look at neither the POP, nor the link, nor the behaviour.
    pop: place as unknown as RequestContext['pop'],
    link: place as unknown as RequestContext['link'],
    behaviour: { pathPattern: '*', index: 0 } as unknown as RequestContext['behaviour'],
    distribution,
    timings: [],
    skips: [],
    logFields: new Map(),
    labels: new Set(),
    opensAnew: false,
    clock: manualClock(nowMs),
    monotonicMs: () => performance.now(),
  };
}

/** All of a body, as text. */
export async function textOf(body: PopRequest['body'] | PopResponse['body']): Promise<string> {
  if (body === undefined) return '';
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
