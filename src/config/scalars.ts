import { z } from 'zod';
import { type AccessList, type AccessRule, parseAccessRule } from '../base/access-list.ts';
import { formatAddress, type Prefix, parseAddress, parsePrefix } from '../base/address.ts';
import { IPV6_LENGTH_MAX } from '../base/network-table.ts';
import { parseRedisAddress, REDIS_EXAMPLES } from '../base/redis-address.ts';

/** An IP address and a port. */
export interface Endpoint {
  /** Presentation form, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Who may ask there, where that is not everybody. */
  readonly access?: AccessList | undefined;
}

/** `ADDRESS:PORT` or `[ADDRESS]:PORT`; a text says what is wrong. Port 0 asks the system for a free one. */
export function parseEndpoint(text: string): Endpoint | string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const address = match === null ? undefined : parseAddress(match[1] ?? match[2] ?? '');
  if (match === null || address === undefined)
    return `${JSON.stringify(text)} is not ADDRESS:PORT, such as 127.0.0.1:5300 or [::1]:5300`;
  const port = Number(match[3]);
  if (port > 65535) return `${JSON.stringify(text)}: the port must be 0 to 65535`;
  if ((match[1] !== undefined) !== (match[1] ?? match[2] ?? '').includes(':'))
    return `${JSON.stringify(text)}: an IPv6 address, and only that, stands in brackets`;
  return { host: formatAddress(address), port };
}

/** `ADDRESS:PORT`, with brackets around IPv6. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.host.includes(':')
    ? `[${endpoint.host}]:${endpoint.port}`
    : `${endpoint.host}:${endpoint.port}`;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1';
}

/** A prefix by which clients are told apart; a text says what is wrong. */
export function parseClientPrefix(text: string): Prefix | string {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string' || prefix.address.family === 4 || prefix.length <= IPV6_LENGTH_MAX)
    return prefix;
  const most = `by their first ${IPV6_LENGTH_MAX} bits, not by more`;
  return `${JSON.stringify(text)}: IPv6 clients are told apart ${most}`;
}

/** A schema of text that `parse` reads; a text that it returns is the problem. */
export function read<T extends object>(parse: (text: string) => T | string) {
  return z.string().transform((text, context): T => {
    const result = parse(text);
    if (typeof result !== 'string') return result;
    context.addIssue({ code: 'custom', message: result });
    return z.NEVER;
  });
}

/** A schema of text that must pass `wrong`: undefined, or what is wrong with it. */
function checked(wrong: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = wrong(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });
}

export const endpoint = read<Endpoint>(parseEndpoint);

/** An endpoint, or the word `off`. */
export const endpointOrOff = z.string().transform((text, context): Endpoint | 'off' => {
  const result = text === 'off' ? text : parseEndpoint(text);
  if (typeof result !== 'string' || result === 'off') return result;
  context.addIssue({ code: 'custom', message: `${result}; or off` });
  return z.NEVER;
});
export const accessRule = read<AccessRule>(parseAccessRule);

/** A rule where nothing is signed. */
export const addressRule = read<AccessRule>((text) => {
  const rule = parseAccessRule(text);
  const isKey = typeof rule !== 'string' && rule.key !== undefined;
  return isKey ? `${JSON.stringify(text)}: questions are asked without a key` : rule;
});
export const clientPrefix = read<Prefix>(parseClientPrefix);

export const ipv4Address = checked((text) =>
  parseAddress(text)?.family === 4 ? undefined : `${JSON.stringify(text)} is not an IPv4 address`,
);

export const ipv6Address = checked((text) =>
  parseAddress(text)?.family === 6 ? undefined : `${JSON.stringify(text)} is not an IPv6 address`,
);

export const ipAddress = checked((text) =>
  parseAddress(text) === undefined ? `${JSON.stringify(text)} is not an IP address` : undefined,
);

/** A domain name as operators write zone names: ASCII labels, no escapes; a final dot may stand or not. */
export const domainName = checked((text) => {
  if (text === '.') return undefined;
  const bare = text.endsWith('.') ? text.slice(0, -1) : text;
  const fine = bare.length <= 253 && bare.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label));
  return fine ? undefined : `${JSON.stringify(text)} is not a domain name (write other scripts as A-labels)`;
});

export const storeAddress = checked((text) => {
  if (text === 'memory') return undefined;
  if (!/^rediss?(\+\w+)?:\/\//.test(text))
    return `${JSON.stringify(withoutPassword(text))} is none of "memory", ${REDIS_EXAMPLES}`;
  const address = parseRedisAddress(text);
  return typeof address === 'string' ? address : undefined;
});

/** Problems end up on terminals and in logs. */
function withoutPassword(text: string): string {
  return text.replace(/(\/\/[^:@/]*:).*@/, '$1***@');
}

export const countryCode = z
  .string()
  .regex(/^[A-Z]{2}$/, { error: 'is not a country code of two capital letters, such as DE' });
export const popCode = z.string().regex(/^[A-Z][A-Z0-9]{1,7}$/, {
  error: 'is not a POP code of 2 to 8 capital letters and digits, such as FRA',
});
export const filePath = z.string().min(1).max(4096);
