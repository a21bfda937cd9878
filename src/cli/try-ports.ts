import type { Link } from '../base/fleet.ts';
import type { Config } from '../config/config.ts';
import type { Endpoint } from '../config/scalars.ts';
import { tryListen, type WantedPort } from '../server/try-listen.ts';
import { type Flags, textFlag } from './command.ts';

/** Where a command is going to listen; what is absent is not listened on. */
export interface ListenWish {
  readonly flags: Flags;
  readonly listen?: Partial<Pick<Config['listen'], 'dns' | 'dot' | 'doh' | 'admin' | 'ingest'>>;
  /** Of a role without a console. */
  readonly metrics?: Endpoint | undefined;
  /** POPs at the IPv4 addresses of links; `flag`: of their port. */
  readonly pops?: {
    readonly links: readonly Link[];
    readonly port: number;
    readonly flag: string;
    readonly services: Config['services'];
  };
}

/** By what an address is chosen. */
interface Source extends Pick<WantedPort, 'isDual'> {
  readonly flag: string;
  /** Of the configuration; absent: the flag alone. */
  readonly key?: string;
}

/**
 * Tries all ports of a command at once, before it starts what takes seconds. Throws `OperatorError` with each
 * that cannot be had, and the flag or the key of the configuration that asks for it.
 */
export function tryPorts({ flags, listen = {}, metrics, pops }: ListenWish): Promise<void> {
  const { dns = [], dot = [], doh = [], admin = 'off', ingest = 'off' } = listen;
  const wanted: WantedPort[] = [];
  const add = (endpoints: readonly (Endpoint | 'off')[], { flag, key, isDual = false }: Source): void => {
    const isAsked = key === undefined || textFlag(flags, flag) !== undefined;
    const by = isAsked ? `--${flag}` : key;
    const choose = key === undefined ? `--${flag}` : `--${flag} or ${key}`;
    for (const one of endpoints)
      if (one !== 'off') wanted.push({ listen: one, transport: 'tcp', isDual, by, choose });
  };
  add(dns, { flag: 'port', key: 'listen.dns' });
  wanted.push(...wanted.map((one) => ({ ...one, transport: 'udp' as const })));
  add(dot, { flag: 'dot-port', key: 'listen.dot' });
  add(doh, { flag: 'doh-port', key: 'listen.doh' });
  add([admin], { flag: 'admin-port', key: 'listen.admin', isDual: true });
  add([ingest], { flag: 'ingest-listen', key: 'listen.ingest', isDual: true });
  if (metrics !== undefined) add([metrics], { flag: 'admin-port', isDual: true });
  if (pops !== undefined) {
    const { links, port, flag, services } = pops;
    const { name } = services.find(({ https }) => https?.port !== undefined) ?? { name: 'NAME' };
    const hosts = links.flatMap(({ ipv4 }) => ipv4 ?? []);
    const key = `services.${name}.https.port`;
    add(
      hosts.map((host) => ({ host, port })),
      { flag, key },
    );
  }
  return tryListen(wanted);
}
