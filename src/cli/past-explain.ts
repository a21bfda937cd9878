import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { ExplainView, MomentView } from '../console/api-explain.ts';
import { rowOf, rowTtl } from '../steering/image.ts';
import { type Decided, type ExplainParts, explainDecided, explainView } from './explain-view.ts';
import type { Past, PastMoment } from './past.ts';

/** What is told of a moment that now is nearer to than all that is kept. */
export function nowMoment(nowMs: number): MomentView {
  return { atMs: nowMs, isNow: true, words: 'As it is now: no kept moment is nearer to the one asked for.' };
}

/** Why there is no explanation of a time. */
export function notKept(past: Past, atMs: number): OperatorError {
  const span = past.span();
  const asked = new Date(atMs).toISOString();
  const [from, to] = [span?.fromMs ?? 0, span?.toMs ?? 0].map((ms) => new Date(ms).toISOString());
  const kept = span === undefined ? 'no moment is kept yet' : `moments are kept from ${from} to ${to}`;
  return new OperatorError('not-found', [{ file: 'atMs', message: `${asked} is not kept: ${kept}` }]);
}

/**
 * What `explain` said of a question in a moment of the past, made from what is kept of it: the table, the
 * POPs that were out, the estimates. `decided`: how the question is decided now.
 */
export function explainPast(
  parts: ExplainParts,
  moment: PastMoment,
  asked: {
    readonly question: Parameters<typeof explainView>[1];
    readonly decided: Decided;
    readonly where: Parameters<typeof explainView>[2]['where'];
  },
): ExplainView {
  const { world, explainer } = parts;
  const { question, where } = asked;
  const { image, popState, whyOut, outSinceMs, atMs } = moment;
  const { located } = asked.decided;
  const keys = explainer.keysOf(image, located);
  const found = [keys.place, keys.network, keys.leaf].map((key) => {
    return key === undefined ? undefined : moment.packed(key);
  });
  const hasRtt = !found.includes('not-kept');
  const [place, network, leaf] = found.map((one) => (one === 'not-kept' ? undefined : one));
  const out = { popState, words: { whyOut, outSinceMs } };
  const before: Decided = { ...asked.decided, image };
  const explanation = explainDecided(parts, before, { place, network, leaf }, out);
  const linkIndex = world.config.fleet.links.findIndex(({ id }) => id === explanation.chosen.link);
  if (linkIndex < 0) {
    const message = 'there was no POP for this client then';
    throw new OperatorError('not-found', [{ file: 'atMs', message }]);
  }
  const outcome = { ...before.outcome, linkIndex, ttl: ttlThen(parts, before) };
  const thenParts = { ...parts, nowMs: () => atMs };
  const view = explainView(thenParts, question, { decided: { ...before, outcome }, explanation, where });
  const { scopeLength: _, ...kept } = view;
  const told = { ...kept, moment: momentView(atMs, hasRtt) };
  if (hasRtt) return told;
  const { runnerUp: _runnerUp, passedOver: _passedOver, ...rest } = told;
  return { ...rest, notes: [], pops: [] };
}

/** The decision's, within the service's bounds. */
function ttlThen({ world }: ExplainParts, { image, outcome, located }: Decided): number {
  const { serviceIndex } = outcome;
  const group = must(world.groupOf[serviceIndex], 'group of a service');
  const { ttl } = must(world.config.services[serviceIndex], 'service');
  const row = rowOf(image, group, located.placeId, located.asn, located.key);
  return Math.max(ttl.min, Math.min(ttl.max, rowTtl(image, row)));
}

function momentView(atMs: number, hasRtt: boolean): MomentView {
  const rtt =
    " Round-trip times of this client's cells were not kept, so neither are scores: only those of the " +
    'networks that ask most are.';
  const words =
    `As it was at ${new Date(atMs).toISOString()}, the kept moment nearest to the one asked for. As they ` +
    'are now: where the client is, the service of the name, the addresses of links. Not kept: the scope, ' +
    `and whether the record bounded the TTL.${hasRtt ? '' : rtt}`;
  return { atMs, isNow: false, words };
}
