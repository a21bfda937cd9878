import assert from 'node:assert/strict';
import { type Address, formatAddress, parseAddress } from '../../src/base/address.ts';
import { must } from '../../src/base/assert.ts';
import { formatProblem } from '../../src/base/errors.ts';
import { type Acl, readAcl } from '../../src/pop/waf/acl.ts';
import { evaluateAcl, type Verdict } from '../../src/pop/waf/evaluate.ts';
import type { Run, Whereabouts } from '../../src/pop/waf/run.ts';

/** A request, as far as a test cares. */
export interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly client?: string;
  readonly body?: string;
  readonly bodyIsWhole?: boolean;
  readonly pop?: string;
  readonly nowMs?: number;
}

const PLACES: Readonly<Record<string, Whereabouts>> = {
  '192.0.2.1': { country: 'DE', asn: 64_500 },
  '198.51.100.7': { country: 'FR', asn: 64_501 },
};

export function whereabouts(address: Address): Whereabouts {
  return PLACES[formatAddress(address)] ?? { country: '', asn: 0 };
}

/** What the ACL says, and the labels. */
export function ask(acl: Acl, asked: Asked): Verdict & { readonly labels: readonly string[] } {
  const [path = '/', query = ''] = (asked.target ?? '/').split(/\?(.*)/s);
  const run: Run = {
    request: {
      method: asked.method ?? 'GET',
      path,
      query,
      headers: asked.headers ?? [],
      client: must(parseAddress(asked.client ?? '192.0.2.1'), 'address'),
      body: Buffer.from(asked.body ?? '', 'utf8').toString('latin1'),
      bodyIsWhole: asked.bodyIsWhole ?? true,
    },
    pop: asked.pop ?? 'FRA',
    nowMs: asked.nowMs ?? 0,
    whereabouts,
    labels: new Set(),
    inspected: new Map(),
  };
  const verdict = evaluateAcl(acl, run);
  return { ...verdict, labels: Array.from(run.labels) };
}

/** A rule that blocks what the statement means. */
export function blockRule(Statement: unknown, more: object = {}): Record<string, unknown> {
  return { Name: 'rule', Priority: 0, Statement, Action: { Block: {} }, ...more };
}

/** An ACL of the rules that allows by default, without faults. */
export function aclOf(rules: readonly unknown[], others: readonly object[] = [], more: object = {}): Acl {
  const text = JSON.stringify({ Name: 'acl', DefaultAction: { Allow: {} }, Rules: rules, ...more });
  const files = others.map((one, i) => ({ file: `other${i}.json`, text: JSON.stringify(one) }));
  const { acl, problems } = readAcl({ file: 'acl.json', text }, files);
  assert.deepEqual(problems.map(formatProblem), []);
  return must(acl, 'ACL');
}

/** The problems of an ACL with the rules. */
export function faultsOf(rules: readonly unknown[], others: readonly object[] = [], more = {}): string[] {
  const text = JSON.stringify({ Name: 'acl', DefaultAction: { Allow: {} }, Rules: rules, ...more }, null, 1);
  const files = others.map((one, i) => ({ file: `other${i}.json`, text: JSON.stringify(one, null, 1) }));
  return readAcl({ file: 'acl.json', text }, files).problems.map(formatProblem);
}
