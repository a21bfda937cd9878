import { dnsperf, type LoadFigures, offer, oneAConnection } from './loads.ts';

/** One way of asking the servers that `npm run bench:peers` compares. */
export interface Mode {
  readonly name: string;
  readonly title: string;
  readonly transport: 'udp' | 'tcp';
  readonly qname: 'www' | 'static';
  /** The program of this folder that asks; absent: dnsperf does. */
  readonly program?: 'load' | 'connections';
  /** Queries a second that are offered, and latency taken; absent: as fast as it goes. */
  readonly rate?: number;
}

/** Compiled programs, as far as they could be had. */
export interface LoadPrograms {
  readonly load: string | undefined;
  readonly connections: string | undefined;
}

/** What is asked. */
export interface Asked {
  /** Lists of `name TYPE` lines, and one name of each, without its last dot. */
  readonly lists: Readonly<Record<Mode['qname'], string>>;
  readonly one: Readonly<Record<Mode['qname'], string>>;
  /** A list of client addresses, out of which load.c draws networks. */
  readonly clients?: string;
}

export const MODES: readonly Mode[] = [
  { name: 'udp-ecs', title: 'UDP, steered by client subnet', transport: 'udp', qname: 'www' },
  { name: 'udp-static', title: 'UDP, static', transport: 'udp', qname: 'static' },
  { name: 'tcp', title: 'TCP, pipelined, steered', transport: 'tcp', qname: 'www' },
  {
    name: 'tcp-connection',
    title: 'TCP, one connection a query, steered',
    transport: 'tcp',
    qname: 'www',
    program: 'connections',
  },
  {
    name: 'latency',
    title: 'UDP, steered, 100,000 queries a second offered',
    transport: 'udp',
    qname: 'www',
    program: 'load',
    rate: 100_000,
  },
];
/** Client subnet 10.1.2.0/24 (RFC 7871 §6). */
const SUBNET = '000118000a0102';

/** Loads the server on a port once. `p99Us` only where latency means something. */
export async function loadOnce(options: {
  readonly mode: Mode;
  readonly port: number;
  readonly seconds: number;
  readonly programs: LoadPrograms;
  readonly asked: Asked;
}): Promise<{ readonly figures: LoadFigures; readonly p99Us?: number }> {
  const { mode, port, seconds, programs, asked } = options;
  const { transport, qname, program, rate } = mode;
  const { clients } = asked;
  const names = asked.lists[qname];
  // dnsperf asks in order and for one network: not for what is too large for caches.
  const draws = program === 'load' || (clients !== undefined && transport === 'udp');
  if (draws && programs.load !== undefined) {
    const load = { program: programs.load, port, names, seconds, rate: rate ?? 0, clients: clients ?? '4' };
    const figures = await offer(load).figures;
    return rate === undefined ? { figures } : { figures, p99Us: figures.latencyUs.p99 };
  }
  if (program === 'connections' && programs.connections !== undefined)
    return { figures: await oneAConnection(programs.connections, { port, name: asked.one[qname], seconds }) };
  const subnet = qname === 'www' ? { subnet: SUBNET } : {};
  return { figures: await dnsperf({ transport, port, names, seconds, ...subnet }) };
}
