import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';

/** A key of session tickets (RFC 5077 §4): its name in the ticket, and two secrets. */
interface TicketKey {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
  readonly madeAtMs: number;
}

/** Keys of session tickets that all L1 servers of a POP share. */
export interface TicketKeys {
  /** Makes servers issue and accept tickets under these keys. */
  readonly attach: (server: object) => void;
  /** Takes a new key into use now; the one before is accepted for one more period. */
  readonly rotate: () => void;
}

/** A key issues tickets so long, and is accepted so long again, ms. */
export const TICKET_PERIOD_MS = 12 * 3_600_000;

const PART_OCTETS = 16;
/** What OpenSSL is told of a ticket (SSL_CTX_set_tlsext_ticket_key_cb). */
const NOT_OURS = 0;
const GOOD = 1;
const GOOD_AND_RENEW = 2;

/** Makes the keys of one POP: random, in memory only, gone with the process. */
export function createTicketKeys(clock: Clock): TicketKeys {
  let current = newKey(clock);
  let previous: TicketKey | undefined;
  const rotate = (): void => {
    previous = current;
    current = newKey(clock);
  };
  const rotateIfDue = (): void => {
    const ageMs = clock.nowMs() - current.madeAtMs;
    if (ageMs < TICKET_PERIOD_MS) return;
    rotate();
    // Nobody connected for a whole period: the one before is too old already.
    if (ageMs >= 2 * TICKET_PERIOD_MS) previous = undefined;
  };
  const answer = (name: Buffer, _iv: Buffer, isNew: boolean): unknown[] => {
    rotateIfDue();
    if (isNew) return [GOOD, current.hmac, current.aes, current.name, randomBytes(PART_OCTETS)];
    if (name.equals(current.name)) return [GOOD, current.hmac, current.aes];
    if (previous !== undefined && name.equals(previous.name))
      return [GOOD_AND_RENEW, previous.hmac, previous.aes];
    // Node reads both secrets before it looks at the verdict.
    return [NOT_OURS, current.hmac, current.aes];
  };
  return { attach: (server) => contextOf(server)(answer), rotate };
}

/**
 * Node's public `setTicketKeys` knows one key at a time, so that a rotation would refuse all tickets before.
 * The context of a server has the callback that OpenSSL asks; Node's own tests use it.
 */
function contextOf(server: object): (answer: (...given: [Buffer, Buffer, boolean]) => unknown[]) => void {
  interface Context {
    enableTicketKeyCallback: () => void;
    onticketkeycallback: unknown;
  }
  const { context } = (server as { _sharedCreds: { context: Context } })._sharedCreds;
  return (answer) => {
    context.onticketkeycallback = answer;
    context.enableTicketKeyCallback();
  };
}

function newKey(clock: Clock): TicketKey {
  const part = (): Buffer => randomBytes(PART_OCTETS);
  return { name: part(), hmac: part(), aes: part(), madeAtMs: clock.nowMs() };
}
