import { readFileSync } from 'node:fs';
import { OperatorError } from '../base/errors.ts';

/** Where a Redis server is and how to enter. */
export interface RedisTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: boolean;
  /** File with the PEM certificates to trust in place of the system's. */
  readonly caFile: string | undefined;
  /** The address without user and password, for people. */
  readonly shown: string;
}

/**
 * Reads `redis://[user[:password]@]host[:port][/db]`, or `rediss://` for TLS, which may end in `?ca=FILE`.
 * A message says what is wrong, without the password.
 */
export function parseRedisUrl(text: string): RedisTarget | string {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text))
    return 'that is no Redis address, which looks like redis://user:password@host:6379/0 (TLS: rediss://)';
  const url = new URL(text);
  const shownPort = url.port === '' ? '6379' : url.port;
  const dbText = url.pathname.replace(/^\//, '');
  const shown = `${url.protocol}//${url.hostname}:${shownPort}/${dbText === '' ? 0 : dbText}`;
  if (url.hostname === '') return `${shown}: the host is missing`;
  if (!/^\d{0,5}$/.test(dbText))
    return `${shown}: the database must be a number, not ${JSON.stringify(dbText)}`;
  const unknown = [...url.searchParams.keys()].filter((name) => name !== 'ca');
  if (unknown.length > 0) return `${shown}: unknown option ${unknown.join(', ')}: there is only ca=FILE`;
  const caFile = url.searchParams.get('ca') ?? undefined;
  const tls = url.protocol === 'rediss:';
  if (caFile !== undefined && !tls) return `${shown}: ca=FILE needs rediss://`;
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === false || password === false) return `${shown}: user or password is badly %-escaped`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(shownPort),
    username,
    password,
    db: Number(dbText),
    tls,
    caFile,
    shown,
  };
}

/**
 * The TLS options of a target, undefined without TLS. Throws `OperatorError` for a CA file that cannot be
 * read.
 */
export function tlsOptions(target: RedisTarget): { ca?: string } | undefined {
  if (!target.tls) return undefined;
  if (target.caFile === undefined) return {};
  try {
    return { ca: readFileSync(target.caFile, 'utf8') };
  } catch (error) {
    const message = `cannot read the CA of ${target.shown}: ${(error as Error).message}`;
    throw new OperatorError('bad-config', [{ file: target.caFile, message }]);
  }
}

function decoded(text: string): string | undefined | false {
  if (text === '') return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return false;
  }
}
