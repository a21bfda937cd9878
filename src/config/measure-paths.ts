import type { z } from 'zod';
import type { dnsSchema } from './schema-dns.ts';
import type { logSchema } from './schema-log.ts';
import type { agentsSchema, measureSchema } from './schema-measure.ts';

type Measure = z.output<typeof measureSchema>;
type Agents = z.output<typeof agentsSchema>;
type Dns = z.output<typeof dnsSchema>;
type Log = z.output<typeof logSchema>;
type ToPath = (text: string) => string;

/** The same with its paths ready to open. */
export function measureWithPaths(measure: Measure, path: ToPath): Measure {
  const { targets, optOut, campaigns } = measure;
  return {
    ...measure,
    ...(targets === undefined ? {} : { targets: path(targets) }),
    ...(optOut === undefined ? {} : { optOut: path(optOut) }),
    campaigns: campaigns.map((campaign) => {
      const { networks } = campaign;
      return { ...campaign, networks: networks === 'all' ? networks : path(networks) };
    }),
  };
}

/** The same of what agents find on their hosts. */
export function agentsWithPaths(agents: Agents, path: ToPath): Agents {
  const entries = Object.entries(agents).map(([code, agent]) => {
    const { drainFile } = agent;
    return [code, drainFile === undefined ? agent : { ...agent, drainFile: path(drainFile) }] as const;
  });
  return Object.fromEntries(entries);
}

/** The same of how DNS is spoken. */
export function dnsWithPaths(dns: Dns, path: ToPath): Dns {
  const { dropList } = dns;
  const { secretsFile } = dns.cookies;
  return {
    ...dns,
    ...(dropList !== undefined && { dropList: path(dropList) }),
    ...(secretsFile !== undefined && { cookies: { ...dns.cookies, secretsFile: path(secretsFile) } }),
  };
}

/** The same of logs. */
export function logWithPaths({ queries }: Log, path: ToPath): Log {
  if (queries === undefined) return {};
  const { json, dnstap } = queries;
  const { file, socket } = dnstap ?? {};
  const tap = dnstap && {
    ...dnstap,
    ...(file !== undefined && { file: path(file) }),
    ...(socket !== undefined && { socket: path(socket) }),
  };
  return { queries: { ...queries, json: json && { ...json, file: path(json.file) }, dnstap: tap } };
}
