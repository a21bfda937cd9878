import { hostname } from 'node:os';
import type { ServerFacts } from '../answer/facts.ts';
import type { Config } from '../config/config.ts';
import type { Terminal } from './command.ts';
import { programVersion } from './version.ts';

/** What the server says of itself, as the configuration allows. */
export function serverFacts({ dns }: Pick<Config, 'dns'>, terminal: Pick<Terminal, 'readText'>): ServerFacts {
  const { identity, version, reportTo } = dns;
  return {
    identity: identity === 'auto' ? hostname() : identity,
    version: version === 'auto' ? `isochrone ${programVersion(terminal)}` : version,
    reportTo,
  };
}
