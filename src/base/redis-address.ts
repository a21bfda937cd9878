/** Where Redis is and how to enter. */
export interface RedisAddress {
  /** One server; the sentinels that know which of several is the primary; or nodes of a Redis Cluster. */
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server, the sentinels, or the nodes to begin with. At least one. */
  readonly hosts: readonly HostPort[];
  /** Name of the primary among the sentinels; '' without sentinels. */
  readonly primary: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** For the sentinels themselves, where they ask. */
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly db: number;
  readonly tls: boolean;
  /** File with the PEM certificates to trust in place of the system's. */
  readonly caFile: string | undefined;
  /** Files with our own certificate and its key, PEM, for servers that ask for one. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** The address without user, password and options, for people. */
  readonly shown: string;
}

/** A host name or address, and a TCP port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?]*)@)?([^/?]*)((?:\/[^?]*)?)(?:\?(.*))?$/;
/** The forms of an address, for messages. */
export const REDIS_EXAMPLES =
  'redis://HOST:6379/0, redis+sentinel://HOST,HOST/PRIMARY/0 or redis+cluster://HOST,HOST ' +
  '(USER:PASSWORD@ before the first host; rediss: TLS)';
const PORT_MAX = 65_535;
const HOSTS_MAX = 64;
const TLS_OPTIONS = ['ca', 'cert', 'key'];
const SENTINEL_OPTIONS = ['sentinel-user', 'sentinel-password'];

/**
 * Reads `redis://[user[:password]@]host[:port][/db]`, `redis+sentinel://…host[:port],…/PRIMARY[/db]` or
 * `redis+cluster://…host[:port],…`; `rediss` for TLS. Options follow a `?`: `ca`, `cert`, `key` (files, TLS),
 * `sentinel-user`, `sentinel-password`. A text in return says all that is wrong, without the passwords.
 */
export function parseRedisAddress(text: string): RedisAddress | string {
  const form = FORM.exec(text);
  if (form === null) return `that is no address of Redis, which looks like ${REDIS_EXAMPLES}`;
  const [, secure, mode = 'single', user = '', hostList = '', path = '', query = ''] = form;
  // What follows may be part of a password, and is not shown.
  if (`${hostList}${path}${query}`.includes('@'))
    return 'user and password must be %-escaped (@ is %40, / is %2F)';
  const kind = mode as RedisAddress['kind'];
  const problems: string[] = [];
  const hosts = readHosts(hostList, kind, problems);
  const { primary, db } = readPath(path, kind, problems);
  const options = readOptions(query, { kind, tls: secure === 's' }, problems);
  const [username, password] = readUser(user, problems);
  const scheme = `redis${secure}${kind === 'single' ? '' : `+${kind}`}`;
  const shownPath = kind === 'cluster' ? '' : `/${kind === 'sentinel' ? `${primary}/` : ''}${db}`;
  const shown = `${scheme}://${hosts.map(showHost).join(',')}${shownPath}`;
  if (problems.length > 0) return `${shown}: ${problems.join('; ')}`;
  return {
    ...{ kind, hosts, primary, username, password, db, tls: secure === 's', shown },
    sentinelUsername: options.get('sentinel-user'),
    sentinelPassword: options.get('sentinel-password'),
    caFile: options.get('ca'),
    certFile: options.get('cert'),
    keyFile: options.get('key'),
  };
}

function readHosts(list: string, kind: RedisAddress['kind'], problems: string[]): HostPort[] {
  const hosts: HostPort[] = [];
  const parts = list.split(',');
  if (parts.length > 1 && kind === 'single')
    problems.push('several hosts need redis+sentinel:// or redis+cluster://');
  if (parts.length > HOSTS_MAX) problems.push(`${parts.length} hosts are more than ${HOSTS_MAX}`);
  for (const part of parts.slice(0, HOSTS_MAX)) {
    const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]\s]*)(?::(\d{1,5}))?$/.exec(part);
    const host = match?.[1] ?? '';
    const port = Number(match?.[2] ?? (kind === 'sentinel' ? 26_379 : 6379));
    if (match === null) problems.push(`${JSON.stringify(part)} is no HOST:PORT`);
    else if (host === '') problems.push('a host is missing');
    else if (port < 1 || port > PORT_MAX) problems.push(`${JSON.stringify(part)} has no possible port`);
    else hosts.push({ host: host.replace(/^\[|\]$/g, ''), port });
  }
  return hosts;
}

function readPath(path: string, kind: RedisAddress['kind'], problems: string[]) {
  const parts = path.replace(/^\//, '').split('/');
  const primary = kind === 'sentinel' ? (parts.shift() ?? '') : '';
  const dbText = parts.join('/');
  if (kind === 'sentinel' && !/^[\w.-]+$/.test(primary))
    problems.push("after the sentinels stands the primary's name, as in /mymaster");
  if (!/^\d{0,5}$/.test(dbText))
    problems.push(`the database must be a number, not ${JSON.stringify(dbText)}`);
  else if (kind === 'cluster' && Number(dbText) > 0) problems.push('a Redis Cluster has database 0 only');
  return { primary, db: /^\d{1,5}$/.test(dbText) ? Number(dbText) : 0 };
}

function readOptions(
  query: string,
  { kind, tls }: { kind: RedisAddress['kind']; tls: boolean },
  problems: string[],
): Map<string, string> {
  const options = new Map<string, string>();
  const known = [...TLS_OPTIONS, ...(kind === 'sentinel' ? SENTINEL_OPTIONS : [])];
  for (const [name, value] of new URLSearchParams(query)) {
    if (!known.includes(name)) problems.push(`unknown option ${name}: there is ${known.join(', ')}`);
    else if (value === '') problems.push(`option ${name} says nothing`);
    else if (TLS_OPTIONS.includes(name) && !tls) problems.push(`${name}=FILE needs rediss`);
    options.set(name, value);
  }
  if (options.has('cert') !== options.has('key')) problems.push('cert=FILE and key=FILE go together');
  return options;
}

function readUser(text: string, problems: string[]): (string | undefined)[] {
  const colon = text.indexOf(':');
  const parts = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  try {
    return parts.map((part) => (part === '' ? undefined : decodeURIComponent(part)));
  } catch {
    problems.push('user or password is badly %-escaped');
    return [];
  }
}

function showHost({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
