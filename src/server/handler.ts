/**
 * Room `server`: sockets and the threads that own them: UDP, TCP, counters, supervision. Which octets answer
 * which is not its business: it is handed a handler. May import pure rooms and `store`.
 */
import type { Client } from '../answer/context.ts';
import type { AccessList } from '../base/access-list.ts';
import { type Address, parseAddressInto } from '../base/address.ts';

/**
 * Answers one message: `length` octets of `query`; the response is written to `out` and its length returned;
 * 0 says nothing (over TCP the connection is closed), and so does `DROPPED`. Called from many connections in
 * turn, so it must not keep the buffers.
 */
export type Handler = (query: Uint8Array, length: number, client: Client, out: Uint8Array) => number;

/**
 * Told of the queries of a batch before the first is answered, so that a handler whose tables are large can
 * have the processor fetch what the answers will take.
 */
export interface Foreseer {
  /** Whether telling of batches pays. */
  readonly wanted: () => boolean;
  /** Tells of one query, and of who asks. */
  readonly expect: (query: Uint8Array, length: number, client: Client) => void;
  /** All of the batch were told. */
  readonly fetch: () => void;
}

/** What a handler returns that says nothing and has counted why. */
export const DROPPED = -1;
/**
 * What a handler returns, over a stream only, where many messages answer: its `TransferHandler` gives them.
 */
export const TRANSFER = -2;

/**
 * What a stream transport does with a query that many messages answer: AXFR, IXFR. `next` writes the next
 * message into `out`, at most 65,535 octets, and returns its length, 0 at the end. It is called when the
 * client has taken what came before. `close` is called once, at the end or when the connection ends.
 */
export interface Transfer {
  readonly next: (out: Uint8Array) => number;
  readonly close: () => void;
}

/** Begins the transfer that answers this query; undefined says nothing, and the connection is closed. */
export type TransferHandler = (query: Uint8Array, length: number, client: Client) => Transfer | undefined;

/**
 * Octets of a transfer that are written without looking at other clients; the rest waits for the next turn.
 */
export const TRANSFER_TURN_OCTETS = 262_144;

/** Where to listen. */
export interface ListenAddress {
  /** IPv4 or IPv6 address in presentation form; never a name. */
  readonly host: string;
  /** 0: any free port that no client can be given (free-port.ts), the same for UDP and TCP. */
  readonly port: number;
  /** Who may ask there. Absent: everybody. */
  readonly access?: AccessList | undefined;
}

/**
 * Reads the address text that Node gives for a peer into `into`. Dotted quads, which are most, are read
 * without allocation; the zone of a link-local IPv6 address (RFC 4007 §11) does not count.
 */
export function readPeer(text: string, into: Address): void {
  const { octets } = into;
  let octet = 0;
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x30 && code <= 0x39) octet = octet * 10 + code - 0x30;
    else if (code === 0x2e) {
      octets[at++] = octet;
      octet = 0;
    } else {
      const zone = text.indexOf('%');
      parseAddressInto(zone < 0 ? text : text.slice(0, zone), into);
      return;
    }
  }
  octets[at] = octet;
  octets.fill(0, 4);
  into.family = 4;
}
