import { type CounterSnapshot, counterBlock, counterLayout, readCounters } from '../base/counters.ts';
import type { Verdict } from './waf/evaluate.ts';

const VERDICTS = ['allow', 'block', 'count'] as const;
const KINDS = ['function', 'lambda'] as const;
const ENDS = ['passed', 'answered', 'failed'] as const;
/** How a call of edge code ended: it let the exchange go on, answered itself, or failed. */
export type Ended = (typeof ENDS)[number];

const LAYOUT = counterLayout(
  [
    {
      name: 'isochrone_pop_waf_requests_total',
      help: 'Requests by what a web ACL did: allow, block; count: rules that only counted one.',
      kind: 'counter',
      labels: [{ name: 'action', values: VERDICTS }],
    },
    {
      name: 'isochrone_pop_edge_code_total',
      help: 'Calls of CloudFront Functions and Lambda@Edge handlers by how they ended.',
      kind: 'counter',
      labels: [
        { name: 'kind', values: KINDS },
        { name: 'ended', values: ENDS },
      ],
    },
  ],
  [],
);
const [WAF_AT = 0, CODE_AT = 0] = LAYOUT.families.map(({ offset }) => offset);

/** Counts of what security features did, for `/metrics`. */
export interface SecurityCounts {
  readonly waf: (verdict: Verdict) => void;
  readonly code: (kind: (typeof KINDS)[number], ended: Ended) => void;
  readonly read: () => CounterSnapshot;
}

export function securityCounts(): SecurityCounts {
  const block = counterBlock(LAYOUT);
  const add = (slot: number, count: number): void => {
    block[slot] = (block[slot] ?? 0) + count;
  };
  return {
    waf: ({ action, counted }) => {
      add(WAF_AT + VERDICTS.indexOf(action), 1);
      add(WAF_AT + VERDICTS.indexOf('count'), counted.length);
    },
    code: (kind, ended) => add(CODE_AT + KINDS.indexOf(kind) * ENDS.length + ENDS.indexOf(ended), 1),
    read: () => readCounters(LAYOUT, [block]),
  };
}
