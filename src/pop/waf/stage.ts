import { parseAddress } from '../../base/address.ts';
import { peekBody } from '../body.ts';
import { denial } from '../denial.ts';
import type { PopRequest, PopResponse, RequestContext, Stage } from '../request-path.ts';
import { pathOf, queryOf } from '../target.ts';
import type { Acl } from './acl.ts';
import { type BlockResponse, INSERTED_PREFIX } from './action.ts';
import { evaluateAcl, type Verdict } from './evaluate.ts';
import type { Run, Whereabouts } from './run.ts';

/** What the stage asks of others. */
export interface WafNeeds {
  readonly acl: Acl;
  readonly whereabouts: Run['whereabouts'];
  /** Told of every verdict: for metrics. */
  readonly count: (verdict: Verdict) => void;
}

const NOWHERE: Whereabouts = { country: '', asn: 0 };

/**
 * The web ACL in front of everything: what it blocks goes no further, what it allows has the headers that
 * rules insert, and its labels. It looks at the target as received, and at the beginning of the body where
 * a rule wants that.
 */
export function wafStage({ acl, whereabouts, count }: WafNeeds): Stage {
  return {
    name: 'waf',
    run: async (request, context) => {
      const client = parseAddress(request.clientAddress);
      // Without an address there is nothing to look rules up by; a socket always has one.
      if (client === undefined) return denial(400, 'BadRequest', 'The request has no address.');
      const peeked = acl.bodyOctetsMax === 0 ? undefined : await peekBody(request.body, acl.bodyOctetsMax);
      if (peeked !== undefined) request.body = peeked.body;
      const target = originForm(request.receivedTarget);
      const verdict = evaluateAcl(acl, {
        request: {
          method: request.method,
          path: pathOf(target),
          query: queryOf(target),
          headers: request.headers,
          client,
          body: peeked === undefined ? '' : Buffer.from(peeked.start).toString('latin1'),
          bodyIsWhole: peeked?.isWhole ?? true,
        },
        pop: context.pop.code,
        nowMs: context.clock.nowMs(),
        whereabouts: (address) => whereabouts(address) ?? NOWHERE,
        labels: context.labels,
        inspected: new Map(),
      });
      count(verdict);
      return applied(verdict, request, context);
    },
  };
}

function applied(verdict: Verdict, request: PopRequest, context: RequestContext): PopResponse | undefined {
  const { action, rule, counted, insertHeaders, response } = verdict;
  if (counted.length > 0) context.logFields.set('waf-counted', counted.join(','));
  if (rule !== undefined) context.logFields.set('waf-rule', rule);
  if (action === 'block') return response === undefined ? blocked() : custom(response);
  // What a client sends under such a name must not pass for a rule's word.
  const isForged = request.headers.some(([name]) => name.startsWith(INSERTED_PREFIX));
  if (isForged || insertHeaders.length > 0) {
    const own = request.headers.filter(([name]) => !name.startsWith(INSERTED_PREFIX));
    request.headers = [...own, ...insertHeaders];
  }
  return undefined;
}

/** In the access log: whatever the client is told. */
const BLOCKED = 'WafBlocked';

function blocked(): PopResponse {
  const response = denial(403, 'AccessDenied', 'The request could not be satisfied. Request blocked.');
  return { ...response, fault: BLOCKED };
}

function custom({ status, headers, contentType, body }: BlockResponse): PopResponse {
  const octets = Buffer.from(body ?? '', 'utf8');
  const all = [
    ...headers,
    ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
    ['content-length', String(octets.length)] as const,
  ];
  return { status, headers: all, body: octets, from: 'l1', result: 'Error', fault: BLOCKED };
}

/** Without the scheme and authority of an absolute form. */
function originForm(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '') || '/';
}
