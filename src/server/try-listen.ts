import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { ListenAddress } from './handler.ts';
import { failureCode, failureProblem, type ListenFailure } from './listen-failure.ts';

/** Where a process is going to listen. */
export interface WantedPort {
  readonly listen: ListenAddress;
  readonly transport: 'udp' | 'tcp';
  /** Whether `::` is to mean IPv4 as well. */
  readonly isDual?: boolean;
  /** Who says so: `--admin-port`, `listen.admin`. */
  readonly by: string;
  /** How another one is chosen: `--admin-port or listen.admin`. */
  readonly choose: string;
}

/** Sockets that are tried at a time. */
const TRIED_MAX = 64;

/**
 * Tries whether all these can be had, before anything is started that takes time; port 0 always can. Throws
 * `OperatorError` with everything that cannot, and what is wanted twice.
 *
 * Each is bound as the one that listens later will be, and given back at once. Until then another program may
 * take it: whoever listens finds that out himself, as if nobody had tried. To keep the sockets would spare
 * that, but they belong to other threads, and not all to Node. Nothing can be left behind: who connects
 * meanwhile is cut off as by a process that starts.
 */
export async function tryListen(wanted: readonly WantedPort[]): Promise<void> {
  const given = wanted.filter(({ listen }) => listen.port !== 0);
  const { twice, once } = sorted(given);
  const failures: Failed[] = [];
  for (let i = 0; i < once.length; i += TRIED_MAX) {
    const results = await Promise.all(once.slice(i, i + TRIED_MAX).map(tried));
    failures.push(...results.filter((result) => result !== undefined));
  }
  const [first] = failures;
  if (first === undefined && twice.length === 0) return;
  const isTaken = failures.find(({ code }) => code === 'EADDRINUSE');
  const code = first === undefined ? 'bad-config' : failureCode(isTaken ?? first);
  throw new OperatorError(code, [...twice, ...problemsOf(failures)]);
}

type Failed = ListenFailure & { readonly wanted: WantedPort };

/** What nothing else here wants, and problems of the rest. */
function sorted(all: readonly WantedPort[]): {
  readonly twice: readonly Problem[];
  readonly once: readonly WantedPort[];
} {
  const twice: Problem[] = [];
  const once: WantedPort[] = [];
  const byPort = new Map<string, WantedPort[]>();
  for (const one of all) {
    const key = `${one.transport} ${one.listen.port}`;
    const before = byPort.get(key) ?? [];
    const other = before.find((earlier) => overlap(earlier, one));
    byPort.set(key, [...before, one]);
    if (other === undefined) once.push(one);
    else
      twice.push({
        file: nameOf(one),
        message: `${nameOf(other)} is the same: choose another with ${one.choose}`,
      });
  }
  return { twice, once };
}

/** Whether who listens at one of them has what is sent to the other. */
function overlap(one: WantedPort, other: WantedPort): boolean {
  const [first, second] = [one.listen.host, other.listen.host];
  return first === second || covers(one, second) || covers(other, first);
}

/** Whether it listens at every address of that kind. */
function covers({ listen: { host }, isDual = false }: WantedPort, address: string): boolean {
  if (host === '::') return isDual || address.includes(':');
  return host === '0.0.0.0' && !address.includes(':');
}

async function tried(wanted: WantedPort): Promise<Failed | undefined> {
  const { listen, transport } = wanted;
  try {
    await (transport === 'udp' ? tryUdp(listen) : tryTcp(listen, wanted.isDual));
    return undefined;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    return { code, message, listen, transport, choose: wanted.choose, wanted };
  }
}

function tryTcp({ host, port }: ListenAddress, isDual = false): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: !isDual && host.includes(':'), exclusive: true }, () => {
      server.close(() => resolve());
    });
  });
}

function tryUdp({ host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const isIpv6 = host.includes(':');
    const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve()));
  });
}

/** One for each reason of each that is wanted: 300 addresses mostly fail for one. */
function problemsOf(failures: readonly Failed[]): Problem[] {
  const kinds = Map.groupBy(failures, ({ wanted, transport, code, listen }) =>
    [wanted.by, transport, code, listen.port].join(),
  );
  return [...kinds.values()].map((alike) => {
    const [first] = alike as [Failed];
    const more = alike.length === 1 ? '' : ` and ${alike.length - 1} other addresses`;
    return { ...failureProblem(first), file: nameOf(first.wanted) + more };
  });
}

function nameOf({ by, listen: { host, port }, transport }: WantedPort): string {
  return `${by} ${host.includes(':') ? `[${host}]` : host}:${port}/${transport}`;
}
