import { formatPrefix, parsePrefix } from '../base/address.ts';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { checkEdge } from './check-edge.ts';
import { checkKeys } from './check-keys.ts';
import { checkPolicies } from './check-policies.ts';
import { checkSecurity } from './check-security.ts';
import type { Path } from './document.ts';
import { entries, field, list } from './fields.ts';
import { uniqueness } from './fleet.ts';
import { named, quote, type Source } from './problems.ts';
import { formatEndpoint, parseEndpoint } from './scalars.ts';

/** What one part of the configuration says of another. */
interface Check {
  readonly source: Source;
  readonly popCodes: ReadonlySet<string>;
  readonly report: (path: Path, message: string, atKey?: boolean) => void;
  readonly unique: (kind: string, text: string, path: Path) => void;
}

/**
 * Faults between parts of a configuration: what stands twice, and names that stand for nothing. It works on
 * the file as written, so that a fault in one place does not hide those in others.
 */
export function crossCheck(
  raw: Readonly<Record<string, unknown>>,
  options: { source: Source; popCodes: ReadonlySet<string>; regions: ReadonlySet<string> },
): Problem[] {
  const { source, popCodes, regions } = options;
  const problems: Problem[] = [];
  const register = uniqueness(problems);
  const check: Check = {
    source,
    popCodes,
    report: (path, message, atKey) => {
      const place = atKey === true ? source.keyPlace(path) : source.valuePlace(path);
      problems.push({ file: source.file, ...place, message: named(source, path, message) });
    },
    unique: (kind, text, path) => register(kind, text, { source, path }),
  };
  if (popCodes.size > 0) {
    checkServices(raw['services'], check);
    checkPolicies(raw, check);
    checkTokens(field(raw['ingest'], 'tokens'), check);
    checkHealth(raw, check);
    for (const [code] of entries(raw['agents'])) checkCode(code, ['agents', code], check, true);
  }
  const { pops = [] } = raw;
  if (Array.isArray(pops) && pops.length === 0 && entries(raw['services']).length > 0)
    check.report(['services'], 'there are no POPs to answer with: pops is missing', true);
  checkNetworks(raw['networks'], check);
  checkListen(raw['listen'], check);
  checkEdge(raw, { ...check, regions });
  checkSecurity(raw, check.report);
  checkKeys(raw, check);
  return problems;
}

function checkServices(services: unknown, check: Check): void {
  for (const [name, service] of entries(services)) {
    const codes = field(service, 'pops');
    for (const [i, code] of list(codes))
      if (typeof code === 'string') checkCode(code, ['services', name, 'pops', i], check);
    const listed = list(codes).map(([, code]) => code);
    for (const [i, code] of list(codes))
      if (listed.indexOf(code) !== i)
        check.report(['services', name, 'pops', i], `the POP ${quote(code)} stands in this list already`);
    for (const [code] of entries(field(service, 'biasMs')))
      checkCode(code, ['services', name, 'biasMs', code], check, true);
  }
}

/** POPs that checks and maintenance windows name. */
function checkHealth(raw: Readonly<Record<string, unknown>>, check: Check): void {
  for (const [code] of entries(field(raw['health'], 'pops')))
    checkCode(code, ['health', 'pops', code], check, true);
  for (const [i, window] of list(raw['maintenance'])) {
    const code = field(window, 'pop');
    if (typeof code === 'string') checkCode(code, ['maintenance', i, 'pop'], check);
  }
}

function checkCode(code: string, path: Path, check: Check, atKey = false): void {
  // What is no code at all is reported by the schema.
  if (check.popCodes.has(code) || !/^[A-Z][A-Z0-9]{1,7}$/.test(code)) return;
  const meant = nearest(code, check.popCodes);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  check.report(path, `no POP has the code ${quote(code)}${hint}`, atKey);
}

/** A token that two POPs have would say nothing of who is there. */
function checkTokens(tokens: unknown, check: Check): void {
  const seen = new Set<unknown>();
  for (const [code, token] of entries(tokens)) {
    const path = ['ingest', 'tokens', code];
    checkCode(code, path, check, true);
    if (seen.has(token)) check.report(path, 'another POP has this token already');
    seen.add(token);
  }
}

function checkNetworks(networks: unknown, check: Check): void {
  for (const [i, network] of list(networks)) {
    if (typeof network !== 'object' || network === null) continue;
    const has = (key: string): boolean => field(network, key) !== undefined;
    const path = ['networks', i];
    if (has('latitude') !== has('longitude'))
      check.report(path, 'latitude and longitude stand together, or neither');
    else if (!has('latitude') && !has('country') && !has('asn'))
      check.report(path, 'says nothing of the network: latitude and longitude, country or asn is missing');
    const text = field(network, 'prefix');
    const prefix = typeof text === 'string' ? parsePrefix(text) : '';
    if (typeof prefix !== 'string') check.unique('prefix', formatPrefix(prefix), [...path, 'prefix']);
  }
}

function checkListen(listen: unknown, check: Check): void {
  const addresses: [Path, unknown][] = ['dns', 'dot', 'doh'].flatMap((key) =>
    list(field(listen, key)).map(([i, text]): [Path, unknown] => [
      ['listen', key, i],
      typeof text === 'string' ? text : field(text, 'address'),
    ]),
  );
  for (const key of ['admin', 'ingest']) addresses.push([['listen', key], field(listen, key)]);
  for (const [path, text] of addresses) {
    const endpoint = typeof text === 'string' ? parseEndpoint(text) : '';
    if (typeof endpoint !== 'string' && endpoint.port !== 0)
      check.unique('address', formatEndpoint(endpoint), path);
  }
}
