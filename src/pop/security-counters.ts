import { type CounterSnapshot, counterBlock, counterLayout, readCounters } from '../base/counters.ts';
import type { Acl } from './waf/acl.ts';
import type { Verdict } from './waf/evaluate.ts';
import type { Rule } from './waf/rule.ts';

const VERDICTS = ['allow', 'block'] as const;
const KINDS = ['function', 'lambda'] as const;
const ENDS = ['passed', 'answered', 'failed'] as const;
/** How a call of edge code ended: it let the exchange go on, answered itself, or failed. */
export type Ended = (typeof ENDS)[number];

/** What security features did, for `/metrics`. */
export interface SecurityCounts {
  readonly waf: (acl: string, verdict: Verdict) => void;
  readonly code: (kind: (typeof KINDS)[number], ended: Ended) => void;
  readonly read: () => CounterSnapshot;
}

/** Counters for the web ACLs, by their names in the configuration, and for edge code. */
export function securityCounts(acls: ReadonlyMap<string, Acl>): SecurityCounts {
  const names = Array.from(acls.keys());
  const rules = Array.from(acls, ([name, acl]) =>
    namesOf(acl.rules, '').map((rule) => `${name}/${rule}`),
  ).flat();
  const layout = layoutOf(names, rules);
  const block = counterBlock(layout);
  const [requestsAt = 0, rulesAt = 0, codeAt = 0] = layout.families.map(({ offset }) => offset);
  const add = (slot: number): void => {
    block[slot] = (block[slot] ?? 0) + 1;
  };
  const slots = new Map(rules.map((rule, i) => [rule, rulesAt + i]));
  return {
    waf: (acl, { action, rule, counted }) => {
      add(requestsAt + names.indexOf(acl) * VERDICTS.length + VERDICTS.indexOf(action));
      for (const one of rule === undefined ? counted : [...counted, rule]) {
        const slot = slots.get(`${acl}/${one}`);
        if (slot !== undefined) add(slot);
      }
    },
    code: (kind, ended) => add(codeAt + KINDS.indexOf(kind) * ENDS.length + ENDS.indexOf(ended)),
    read: () => readCounters(layout, [block]),
  };
}

function layoutOf(acls: readonly string[], rules: readonly string[]) {
  const requests = {
    name: 'isochrone_pop_waf_requests_total',
    help: 'Requests by what a web ACL did.',
    kind: 'counter',
    labels: [
      { name: 'acl', values: acls },
      { name: 'action', values: VERDICTS },
    ],
  } as const;
  const matches = {
    name: 'isochrone_pop_waf_rule_matches_total',
    help: 'Requests that a rule meant, by ACL/rule, or ACL/rule/rule within a group.',
    kind: 'counter',
    labels: [{ name: 'rule', values: rules }],
  } as const;
  const code = {
    name: 'isochrone_pop_edge_code_total',
    help: 'Calls of CloudFront Functions and Lambda@Edge handlers by how they ended.',
    kind: 'counter',
    labels: [
      { name: 'kind', values: KINDS },
      { name: 'ended', values: ENDS },
    ],
  } as const;
  return counterLayout([requests, matches, code], []);
}

function namesOf(rules: readonly Rule[], within: string): string[] {
  return rules.flatMap(({ name, what }) =>
    what.kind === 'group' ? namesOf(what.rules, `${within}${name}/`) : [within + name],
  );
}
