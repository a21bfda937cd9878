import { type HeaderList, headerOf } from '../headers.ts';
import type { OriginTarget } from '../request-path.ts';
import { headerMap, readHeaders } from './lambda-headers.ts';

/** An origin as handlers see it. */
export function originEvent({ url, headers, responseTimeoutMs }: OriginTarget): object {
  const isHttps = url.protocol === 'https:';
  return {
    custom: {
      customHeaders: headerMap(headers),
      domainName: url.hostname,
      keepaliveTimeout: 5,
      path: url.pathname === '/' ? '' : url.pathname,
      port: Number(url.port) || (isHttps ? 443 : 80),
      protocol: isHttps ? 'https' : 'http',
      readTimeout: Math.ceil(responseTimeoutMs / 1000),
      sslProtocols: ['TLSv1.2'],
    },
  };
}

/**
 * The origin that a handler chose: undefined where it left all as it was; a text says what is wrong with it.
 * A changed `Host` header is the origin's, too.
 */
export function chosenOrigin(
  value: unknown,
  base: OriginTarget,
  hosts: { readonly before: HeaderList; readonly after: HeaderList },
): OriginTarget | string | undefined {
  const before = mapping(mapping(originEvent(base))['custom']);
  const { custom, s3 } = mapping(value);
  if (s3 !== undefined) return 'origin.s3 is not to be had: use origin.custom';
  const after = value === undefined ? before : mapping(custom);
  const host = headerOf(hosts.after, 'host');
  const isHostChanged = host !== headerOf(hosts.before, 'host');
  const hostHeader = isHostChanged ? host : base.hostHeader;
  const changed = Object.keys({ ...before, ...after }).filter((key) => !isSame(before[key], after[key]));
  if (changed.length === 0) return isHostChanged ? { ...base, hostHeader } : undefined;
  const fixed = changed.find((key) => !CHANGEABLE.includes(key));
  if (fixed !== undefined) return `origin.custom.${fixed} cannot be changed here`;
  const { domainName, port, protocol, path, customHeaders } = after;
  if (typeof domainName !== 'string' || !/^[A-Za-z0-9.-]{1,253}$/.test(domainName))
    return 'origin.custom.domainName must be a host';
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535)
    return 'origin.custom.port must be a port';
  if (protocol !== 'http' && protocol !== 'https') return 'origin.custom.protocol must be http or https';
  if (typeof path !== 'string' || !/^(?:\/[\x21-\x7e]*)?$/.test(path) || /[?#]/.test(path))
    return 'origin.custom.path must be empty or begin with /';
  const headers = readHeaders(customHeaders);
  if (typeof headers === 'string') return headers;
  const url = new URL(`${protocol}://${domainName}:${String(port)}${path}`);
  // Connections are kept by this name; one origin of several paths is one origin.
  return { ...base, name: url.origin, url, region: '', headers, hostHeader };
}

const CHANGEABLE = ['domainName', 'port', 'protocol', 'path', 'customHeaders'];

function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null)
    return one === other;
  const [a, b] = [mapping(one), mapping(other)];
  const keys = Object.keys(b);
  return keys.length === Object.keys(a).length && keys.every((key) => isSame(a[key], b[key]));
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
