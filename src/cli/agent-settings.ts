import { OperatorError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Config } from '../config/config.ts';
import { ACTIVE_METHODS, NO_AGENT } from '../config/schema-measure.ts';
import { hasInterface } from '../probe/host.ts';
import type { HostedPop } from '../probe/host-figures.ts';
import type { ActiveMethod } from '../probe/ways.ts';
import { type Command, type Flags, textFlag, textFlags } from './command.ts';
import { popCodeOf, type ValueReader } from './values.ts';

/** Flags that say what an agent finds on its host; they win over the configuration. */
export const HOST_OPTIONS: Command['options'] = {
  passive: {
    type: 'string',
    value: 'PORTS',
    help: "local TCP ports whose connections' round-trip times the kernel is asked for: 443,8443",
  },
  link: {
    type: 'string',
    value: 'ID=IF[:MBPS]',
    multiple: true,
    help: 'interface that carries a link, and what it can carry: FRA-a=eth0:10000',
  },
  capacity: { type: 'string', value: 'RPS', help: 'requests a second that the POP can serve' },
  'drain-file': { type: 'string', value: 'FILE', help: 'while it is there, the POP wishes to be drained' },
  exporter: { type: 'string', value: 'URL', help: 'page of metrics in Prometheus text form' },
  requests: { type: 'string', value: 'METRIC', help: 'counter of requests on that page' },
  method: { type: 'string', value: 'WAY', help: `how to measure by default: ${ACTIVE_METHODS.join(', ')}` },
};

/** An agent's POP and what it finds there. */
export interface HostSettings {
  readonly pop: HostedPop;
  readonly passivePorts: readonly number[];
  readonly passiveEveryMs: number;
  readonly exporter: Config['agents'][string]['exporter'];
  readonly drainFile: string | undefined;
  readonly method: ActiveMethod;
}

/** The code of --pop; problems go to the reader. */
export function agentPop(flags: Flags, reader: ValueReader): string {
  const text = textFlag(flags, 'pop');
  if (text !== undefined) return popCodeOf(text, reader);
  reader.wrong('missing: --pop CODE, the POP that this agent stands at');
  return '';
}

/** What the configuration and the flags say. Throws `OperatorError` with every problem. */
export function hostSettings(
  config: Config,
  options: { readonly code: string; readonly flags: Flags; readonly reader: ValueReader },
): HostSettings {
  const { code, flags, reader } = options;
  const { fleet, agents, measure } = config;
  const known = fleet.pops.find((pop) => pop.code === code);
  if (known === undefined) {
    const meant = nearest(code, new Set(fleet.pops.map((pop) => pop.code)));
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    reader.wrong(`--pop: ${config.file} has no POP ${JSON.stringify(code)}${hint}`);
  }
  const agent = agents[code] ?? NO_AGENT;
  const capacity = { min: 1, max: 1e9, what: 'requests a second' };
  const capacityRps = reader.number('capacity', textFlag(flags, 'capacity'), capacity);
  const said = linkFlags(textFlags(flags, 'link'), reader);
  const links = (known?.links ?? []).map(({ id, capacityMbps }) => {
    const configured = agent.links[id];
    return { id, capacityMbps, ...configured, ...said.get(id) };
  });
  const ids = links.map(({ id }) => id);
  for (const id of [...said.keys(), ...Object.keys(agent.links)])
    if (known !== undefined && !ids.includes(id))
      reader.wrong(`${code} has no link ${JSON.stringify(id)}, but ${ids.join(', ')}`);
  for (const { id, interface: name } of links)
    if (name !== undefined && !hasInterface(name))
      reader.wrong(`link ${id}: this machine has no interface ${JSON.stringify(name)}`);
  const method = methodOf(textFlag(flags, 'method'), reader) ?? measure.method;
  const passivePorts = portsOf(textFlag(flags, 'passive'), reader) ?? agent.passivePorts;
  const exporter = exporterOf(flags, reader) ?? agent.exporter;
  if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
  return {
    pop: { code, capacityRps: capacityRps ?? known?.capacityRps ?? 1, links },
    passivePorts,
    passiveEveryMs: agent.passiveEveryMs,
    exporter,
    drainFile: textFlag(flags, 'drain-file') ?? agent.drainFile,
    method,
  };
}

interface LinkFlag {
  readonly interface: string;
  readonly capacityMbps?: number;
}

function linkFlags(texts: readonly string[], reader: ValueReader): Map<string, LinkFlag> {
  const links = new Map<string, LinkFlag>();
  for (const text of texts) {
    const [, id = '', name = '', mbps] = /^([^=]+)=([^:/\s]{1,15})(?::(\d{1,9}))?$/.exec(text) ?? [];
    if (id === '') reader.wrong(`--link ${JSON.stringify(text)} is not ID=IF or ID=IF:MBPS`);
    else links.set(id, { interface: name, ...(mbps === undefined ? {} : { capacityMbps: Number(mbps) }) });
  }
  return links;
}

function methodOf(text: string | undefined, reader: ValueReader): ActiveMethod | undefined {
  const method = ACTIVE_METHODS.find((one) => one === text);
  if (text !== undefined && method === undefined)
    reader.wrong(`--method ${JSON.stringify(text)} is none of ${ACTIVE_METHODS.join(', ')}`);
  return method;
}

function portsOf(text: string | undefined, reader: ValueReader): number[] | undefined {
  if (text === undefined) return undefined;
  const ports = text.split(',').map((part) => (/^\d{1,5}$/.test(part) ? Number(part) : 0));
  if (ports.every((port) => port >= 1 && port <= 65_535) && ports.length <= 16) return ports;
  return reader.wrong(`--passive ${JSON.stringify(text)} is not a list of at most 16 ports, as 443,8443`);
}

function exporterOf(flags: Flags, reader: ValueReader): HostSettings['exporter'] {
  const url = textFlag(flags, 'exporter');
  const requests = textFlag(flags, 'requests');
  if (url === undefined) {
    if (requests !== undefined) reader.wrong('--requests stands with --exporter');
    return undefined;
  }
  if (!URL.canParse(url) || !/^https?:\/\//.test(url))
    reader.wrong(`--exporter ${JSON.stringify(url)} is not a URL of http or https`);
  return { url, ...(requests === undefined ? {} : { requests }) };
}
