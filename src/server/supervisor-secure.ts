import { randomBytes } from 'node:crypto';
import type { SecureListen, WorkerIo } from './messages.ts';
import { freeTcpPorts } from './secure-listeners.ts';
import { tellAll } from './supervisor-crew.ts';
import type { Crew } from './supervisor-state.ts';
import { type Credentials, TICKET_KEYS_OCTETS } from './tls.ts';

/** A certificate and its key, PEM: see `Credentials`. */
export type CertificateAndKey = Pick<Credentials, 'certificate' | 'key'>;

/** Where a name server speaks TLS, and with what. */
export interface SecureServerOptions extends SecureListen {
  readonly credentials: CertificateAndKey;
  /** Threads that speak TLS. */
  readonly workers: number;
}

/** Where places for TLS listen. */
export function addressesOf(places: readonly WorkerIo[]): Pick<SecureListen, 'dot' | 'doh'> {
  const place = places.find(({ kind }) => kind === 'secure');
  return place?.kind === 'secure' ? { dot: place.dot, doh: place.doh } : { dot: [], doh: [] };
}

/** What a thread has in hand may be so long, octets. */
const MESSAGE_MAX = 65_535;

/**
 * Places for threads that speak TLS. Throws `OperatorError` naming each address that cannot be had.
 * `isShared`: the process that is replaced has the ports still.
 */
export async function securePlaces(options: SecureServerOptions, isShared: boolean): Promise<WorkerIo[]> {
  const { path, workers } = options;
  const all = [...options.dot, ...options.doh];
  const found = isShared ? all : await freeTcpPorts(all);
  const dot = found.slice(0, options.dot.length);
  const doh = found.slice(options.dot.length);
  const credentials = withTicketKeys(options.credentials);
  return Array.from({ length: workers }, () => {
    const arena = new SharedArrayBuffer(MESSAGE_MAX);
    return { kind: 'secure', dot, doh, path, credentials, arena, skipInHand: false };
  });
}

/**
 * Connections that begin from now on are given this certificate, in every thread. Sessions that began before
 * are not resumed: their clients begin new ones.
 */
export function setCredentials(crew: Crew, pair: CertificateAndKey): void {
  const credentials = withTicketKeys(pair);
  for (const slot of crew.slots) if (slot.io.kind === 'secure') slot.io = { ...slot.io, credentials };
  tellAll(crew, { kind: 'credentials', credentials });
}

function withTicketKeys({ certificate, key }: CertificateAndKey): Credentials {
  return { certificate, key, ticketKeys: randomBytes(TICKET_KEYS_OCTETS) };
}
