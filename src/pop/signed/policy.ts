import { type Address, type Prefix, parsePrefix, prefixHolds } from '../../base/address.ts';

/** Who may have what, until when: the only statement of a policy. */
export interface Policy {
  /** URL, where `*` stands for any characters and `?` for one; absent: any. */
  readonly resource?: string;
  /** Seconds since 1970: from then on nothing is to be had. */
  readonly lessThan: number;
  /** Seconds since 1970: until then nothing is to be had. */
  readonly greaterThan?: number;
  readonly source?: Prefix;
}

/** What a policy is asked about. */
export interface Access {
  /** Forms of the URL that was asked for, without what signs it: with the port, and without. */
  readonly urls: readonly string[];
  readonly client: Address | undefined;
  readonly nowMs: number;
}

/** The canned policy of a URL: the text that was signed, to the octet. */
export function cannedPolicy(url: string, expires: string): string {
  return `{"Statement":[{"Resource":"${url}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
}

/** A custom policy has at most so many octets. */
const POLICY_OCTETS_MAX = 4096;
const CONDITIONS = ['DateLessThan', 'DateGreaterThan', 'IpAddress'];

/**
 * Reads a custom policy; undefined where it is none: no JSON, not one statement, no end, or a condition that
 * nobody here knows (which must not pass for none).
 */
export function readPolicy(octets: Uint8Array): Policy | undefined {
  if (octets.length > POLICY_OCTETS_MAX) return undefined;
  const root = parsed(Buffer.from(octets).toString('utf8'));
  const statements = root?.['Statement'];
  if (!Array.isArray(statements) || statements.length !== 1) return undefined;
  const statement = mapping(statements[0]);
  const condition = mapping(statement?.['Condition']);
  if (statement === undefined || condition === undefined) return undefined;
  if (Object.keys(condition).some((key) => !CONDITIONS.includes(key))) return undefined;
  const resource = statement['Resource'];
  const lessThan = time(condition['DateLessThan']);
  if (lessThan === undefined || (resource !== undefined && typeof resource !== 'string')) return undefined;
  const policy: Policy = { lessThan, ...(resource === undefined ? {} : { resource }) };
  const greaterThan = time(condition['DateGreaterThan']);
  if ('DateGreaterThan' in condition && greaterThan === undefined) return undefined;
  const source = address(condition['IpAddress']);
  if ('IpAddress' in condition && source === undefined) return undefined;
  return {
    ...policy,
    ...(greaterThan === undefined ? {} : { greaterThan }),
    ...(source === undefined ? {} : { source }),
  };
}

/** Whether the policy lets the access pass. */
export function permits(policy: Policy, { urls, client, nowMs }: Access): boolean {
  const { resource, lessThan, greaterThan, source } = policy;
  if (nowMs >= lessThan * 1000) return false;
  if (greaterThan !== undefined && nowMs < greaterThan * 1000) return false;
  if (source !== undefined && (client === undefined || !prefixHolds(source, client))) return false;
  return resource === undefined || urls.some((url) => fits(resource, url));
}

/** Whether the text fits the pattern: in time proportional to the product of their lengths at most. */
function fits(pattern: string, text: string): boolean {
  let [at, p, star, mark] = [0, 0, -1, 0];
  while (at < text.length) {
    const sign = pattern.charAt(p);
    if (sign === '*') {
      star = p++;
      mark = at;
    } else if (p < pattern.length && (sign === '?' || sign === text.charAt(at))) {
      p++;
      at++;
    } else if (star >= 0) {
      p = star + 1;
      at = ++mark;
    } else return false;
  }
  while (pattern.charAt(p) === '*') p++;
  return p === pattern.length;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return mapping(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function mapping(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** `{"AWS:EpochTime": 1700000000}` */
function time(value: unknown): number | undefined {
  const seconds = mapping(value)?.['AWS:EpochTime'];
  return Number.isSafeInteger(seconds) && (seconds as number) > 0 ? (seconds as number) : undefined;
}

/** `{"AWS:SourceIp": "192.0.2.0/24"}`; host bits count for nothing. */
function address(value: unknown): Prefix | undefined {
  const text = mapping(value)?.['AWS:SourceIp'];
  if (typeof text !== 'string') return undefined;
  const prefix = parsePrefix(text);
  if (typeof prefix !== 'string') return prefix;
  const [host = '', length = ''] = text.split('/');
  const whole = parsePrefix(host);
  const bits = Number(length);
  if (typeof whole === 'string' || !/^\d{1,3}$/.test(length) || bits > whole.length) return undefined;
  return { address: whole.address, length: bits };
}
