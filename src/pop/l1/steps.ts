import {
  type Behaviour,
  type Distribution,
  type PopRequest,
  type PopResponse,
  type RequestContext,
  timed,
} from '../request-path.ts';
import type { Tier } from '../tier.ts';
import type { ExchangeOptions } from './exchange.ts';
import { rfcFault } from './rfc-filter.ts';

/** L1's steps in order, then the tier, then the steps on the way back. */
export function answer(
  options: Pick<ExchangeOptions, 'own' | 'tier'>,
  request: PopRequest,
  context: RequestContext,
): PopResponse | Promise<PopResponse> {
  const beganMs = context.monotonicMs();
  const fault = rfcFault(request);
  context.timings.push({ layer: 'l1', name: 'rfc', ms: context.monotonicMs() - beganMs });
  if (fault !== undefined) return refusal(fault.status, fault.why, 'InvalidRequest');
  // What a body asks for is in no key: one client could choose what others get.
  if (request.body !== undefined && (request.method === 'GET' || request.method === 'HEAD'))
    return refusal(403, `${request.method} has no body`, 'InvalidRequest');
  const own = options.own(request, context);
  if (own !== undefined) return own;
  const { distribution, behaviour } = context;
  if (distribution === NO_DISTRIBUTION)
    return refusal(404, `no distribution has the domain ${request.host}`, 'InvalidRequest');
  if (behaviour === NO_BEHAVIOUR) return refusal(404, 'no behaviour has this path', 'InvalidRequest');
  if (!behaviour.allowedMethods.has(request.method))
    return refusal(405, `${request.method} is not allowed here`, 'InvalidRequestMethod', [
      ['allow', [...behaviour.allowedMethods].join(', ')],
    ]);
  if (behaviour.viewerRequest.length === 0) context.skips.push(NO_SECURITY);
  if (behaviour.viewerRequest.length + behaviour.viewerResponse.length === 0)
    return options.tier.serve(request, context);
  return throughStages(options.tier, request, context);
}

const NO_SECURITY = {
  layer: 'l1',
  reason: 'no security feature is configured for this behaviour',
} as const;

async function throughStages(tier: Tier, request: PopRequest, context: RequestContext): Promise<PopResponse> {
  const { viewerRequest, viewerResponse } = context.behaviour;
  let early: PopResponse | undefined;
  for (const stage of viewerRequest) {
    early = await timed(context, { layer: 'l1', name: stage.name }, () => stage.run(request, context));
    if (early !== undefined) break;
  }
  let response = early ?? (await tier.serve(request, context));
  for (const stage of viewerResponse) {
    const before: PopResponse = response;
    const part = { layer: 'l1', name: stage.name } as const;
    response = await timed<PopResponse>(context, part, () => stage.run(before, request, context));
  }
  return response;
}

/** What L1 itself answers where something may not go on. */
export function refusal(
  status: number,
  why: string,
  fault: string,
  headers: readonly (readonly [string, string])[] = [],
): PopResponse {
  const body = Buffer.from(`${status}: ${why}\n`);
  const said = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
  ] as const;
  return { status, headers: [...said, ...headers], body, from: 'l1', result: 'Error', fault };
}

export const NO_BEHAVIOUR: Behaviour = {
  pathPattern: '',
  index: -1,
  origins: [],
  failoverStatuses: new Set(),
  allowedMethods: new Set(),
  caching: 'off',
  compress: false,
  originHeaders: 'all',
  viewerRequest: [],
  originRequest: [],
  originResponse: [],
  viewerResponse: [],
};
export const NO_DISTRIBUTION: Distribution = { id: '', domains: [], behaviours: [], shieldRegion: undefined };
