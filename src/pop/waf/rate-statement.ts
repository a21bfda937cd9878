import { formatAddress } from '../../base/address.ts';
import { type AddressSource, readAddressSource } from './addresses.ts';
import { argumentsNamed, cookiesNamed, headersNamed } from './field.ts';
import { rateCounter } from './rate.ts';
import { fields, integer, items, type Node, onlyKey, report, text, word } from './reading.ts';
import type { Run, Statement } from './run.ts';
import { readTransformations } from './transformed.ts';

/** Capacity units of the statement, and of each key beyond the usual ones. */
const UNITS = 2;
const KEY_UNITS = 30;
const KEYS_MAX = 5;
const LIMIT = { min: 10, max: 2_000_000_000 };
const WINDOWS_S = [60, 120, 300, 600];
const WINDOW_DEFAULT_S = 300;

/** What tells the requests apart that are counted together; undefined: this request is not counted. */
type KeyOf = (run: Run) => string | undefined;

/**
 * Reads a `RateBasedStatement`: it means the requests of those who sent one POP more than `Limit` within the
 * window. `readStatement` reads what narrows it down.
 */
export function readRateBased(
  node: Node,
  readStatement: (node: Node) => Statement | undefined,
): Statement | undefined {
  const inner = fields(
    node,
    ['Limit', 'AggregateKeyType'],
    ['EvaluationWindowSec', 'ScopeDownStatement', 'ForwardedIPConfig', 'CustomKeys'],
  );
  const limit = integer(inner?.['Limit'], LIMIT);
  const windowS = inner?.['EvaluationWindowSec']?.value ?? WINDOW_DEFAULT_S;
  if (inner?.['EvaluationWindowSec'] !== undefined && !WINDOWS_S.includes(windowS as number))
    return report(inner['EvaluationWindowSec'], `none of ${WINDOWS_S.join(', ')} seconds`);
  const down = inner?.['ScopeDownStatement'];
  const scope = down === undefined ? undefined : readStatement(down);
  const aggregate = readAggregate(node);
  if (limit === undefined || aggregate === undefined || (down !== undefined && scope === undefined))
    return undefined;
  const counter = rateCounter((windowS as number) * 1000);
  return {
    matches: (run) => {
      if (scope !== undefined && !scope.matches(run)) return false;
      const key = aggregate.keyOf(run);
      return key !== undefined && counter.count(`${run.pop}\n${key}`, run.nowMs) > limit;
    },
    capacity: UNITS + KEY_UNITS * aggregate.customKeys + (scope?.capacity ?? 0),
    needsBody: scope?.needsBody ?? false,
  };
}

function readAggregate(node: Node): { keyOf: KeyOf; customKeys: number } | undefined {
  const inner = fields(node, ['AggregateKeyType'], Object.keys(node.value ?? {})) ?? {};
  const type = word(inner['AggregateKeyType'], ['IP', 'FORWARDED_IP', 'CUSTOM_KEYS', 'CONSTANT']);
  const forwarded = inner['ForwardedIPConfig'];
  const source = readAddressSource(forwarded, false);
  if (type === undefined || source === undefined) return undefined;
  if (type === 'CONSTANT') {
    if (inner['ScopeDownStatement'] === undefined) return report(node, 'CONSTANT needs a ScopeDownStatement');
    return { keyOf: () => '', customKeys: 0 };
  }
  if (type === 'FORWARDED_IP' && forwarded === undefined) return report(node, 'ForwardedIPConfig is missing');
  if (type !== 'CUSTOM_KEYS') return { keyOf: addressKey(source), customKeys: 0 };
  if (inner['CustomKeys'] === undefined) return report(node, 'CustomKeys is missing');
  const nodes = items(inner['CustomKeys'], { min: 1, max: KEYS_MAX });
  const keys = nodes.map((one) => readKey(one, source));
  if (keys.some((key) => key === undefined)) return undefined;
  const keyOf: KeyOf = (run) => {
    const values = keys.map((key) => key?.(run));
    // A request that lacks one of them is not counted.
    return values.includes(undefined) ? undefined : values.join('\n');
  };
  return { keyOf, customKeys: keys.length };
}

function readKey(node: Node, source: AddressSource): KeyOf | undefined {
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  const bare = (keyOf: KeyOf): KeyOf | undefined => (fields(inner, []) === undefined ? undefined : keyOf);
  switch (kind) {
    case 'IP':
      return bare(({ request }) => formatAddress(request.client));
    case 'ForwardedIP':
      return source.isForwarded ? bare(addressKey(source)) : report(inner, 'ForwardedIPConfig is missing');
    case 'HTTPMethod':
      return bare(({ request }) => request.method);
    case 'ASN':
      return bare((run) => String(run.whereabouts(run.request.client).asn));
    case 'Header':
      return transformed(inner, (run, name) => headersNamed(run, name.toLowerCase()));
    case 'Cookie':
      return transformed(inner, cookiesNamed);
    case 'QueryArgument':
      return transformed(inner, (run, name) => argumentsNamed(run, name.toLowerCase()));
    case 'QueryString':
      return transformed(inner, ({ request }) => [request.query], false);
    case 'UriPath':
      return transformed(inner, ({ request }) => [request.path], false);
    case 'LabelNamespace':
      return labelKey(inner);
    default:
      return report(inner, 'no such key of requests, or one that a POP does not see');
  }
}

function transformed(
  node: Node,
  read: (run: Run, name: string) => readonly string[],
  isNamed = true,
): KeyOf | undefined {
  const inner = fields(node, [...(isNamed ? ['Name'] : []), 'TextTransformations']);
  const name = isNamed ? text(inner?.['Name'], { min: 1, max: 64 }) : '';
  const transformations = readTransformations(inner?.['TextTransformations']);
  if (name === undefined || transformations === undefined) return undefined;
  return (run) => {
    const [first] = read(run, name);
    return first === undefined ? undefined : transformations.transform(first);
  };
}

function labelKey(node: Node): KeyOf | undefined {
  const namespace = text(fields(node, ['Namespace'])?.['Namespace'], { min: 1, max: 1024 });
  if (namespace === undefined) return undefined;
  return ({ labels }) => {
    const found = Array.from(labels).filter((label) => label.startsWith(namespace));
    return found.length === 0 ? undefined : found.toSorted().join(' ');
  };
}

function addressKey(source: AddressSource): KeyOf {
  return (run) => {
    const [address] = source.read(run);
    return address === undefined ? undefined : formatAddress(address);
  };
}
