import { createSocket, type Socket } from 'node:dgram';
import { RCODE, TYPE } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import type { Packed } from '../zone/packed.ts';
import { askZone, type PeerAddress, type Question, replyFault } from './message.ts';

/** Tells other name servers that zones changed (RFC 1996). */
export interface Notifier {
  /** Tells these peers of a zone's SOA. What they were being told of the zone before is given up. */
  readonly tell: (origin: Uint8Array, soa: Packed, peers: readonly PeerAddress[]) => void;
  /** Peers that were told since the start, by whether they answered that they heard. */
  readonly counts: () => Readonly<Record<'answered' | 'failed', number>>;
  readonly close: () => void;
}

/** Times that a peer is told, and the wait after the first, which doubles, ms. */
const TRIES_MAX = 6;
const FIRST_WAIT_MS = 2000;
/**
 * Time between a change and its being told, ms: threads that answer take it up between two batches, and who
 * asks before that sees the old serial, and does not come again.
 */
const DELAY_MS = 1000;
/** Peers that are being told at a time; more wait for the next. */
const OPEN_MAX = 64;
const WAITING_MAX = 100_000;

interface Telling {
  readonly key: string;
  readonly origin: Uint8Array;
  readonly soa: Packed;
  readonly peer: PeerAddress;
  isOver: boolean;
  readonly notBeforeMs: number;
}

/** `log`: told of peers that answer nothing, or an error. */
export function createNotifier(log: (message: string) => void): Notifier {
  const waiting: Telling[] = [];
  const current = new Map<string, Telling>();
  const sockets = new Set<Socket>();
  const counts = { answered: 0, failed: 0 };
  let open = 0;
  let isClosed = false;
  const begin = (): void => {
    for (; !isClosed && open < OPEN_MAX && waiting.length > 0; ) {
      const telling = waiting[0] as Telling;
      // They wait in the order of their times; a timer comes for each.
      if (!telling.isOver && telling.notBeforeMs > performance.now() + 1) return;
      waiting.shift();
      if (telling.isOver) continue;
      open++;
      void tellPeer(telling, sockets).then((fault) => {
        open--;
        if (current.get(telling.key) === telling) current.delete(telling.key);
        if (telling.isOver || isClosed) return begin();
        counts[fault === undefined ? 'answered' : 'failed']++;
        if (fault !== undefined)
          log(`${formatName(telling.origin)} ${telling.peer.host} port ${telling.peer.port} ${fault}`);
        begin();
      });
    }
  };
  return {
    tell: (origin, soa, peers) => {
      const nowMs = performance.now();
      for (const peer of peers) {
        const key = `${peer.host} ${peer.port} ${origin.join('.')}`;
        const before = current.get(key);
        if (before !== undefined) before.isOver = true;
        const telling = { key, origin, soa, peer, isOver: false, notBeforeMs: nowMs + DELAY_MS };
        current.set(key, telling);
        if (waiting.length < WAITING_MAX) waiting.push(telling);
      }
      setTimeout(begin, DELAY_MS).unref();
    },
    counts: () => counts,
    close: () => {
      isClosed = true;
      for (const telling of current.values()) telling.isOver = true;
      for (const socket of sockets) socket.close();
      sockets.clear();
    },
  };
}

/** Resolves with what went wrong, if anything did. */
async function tellPeer(telling: Telling, sockets: Set<Socket>): Promise<string | undefined> {
  let fault = 'does not answer NOTIFY';
  for (
    let attempt = 0, waitMs = FIRST_WAIT_MS;
    attempt < TRIES_MAX && !telling.isOver;
    attempt++, waitMs *= 2
  ) {
    const rcode = await sendOnce(telling, sockets, waitMs);
    if (rcode === RCODE.NOERROR) return undefined;
    if (typeof rcode === 'string') fault = rcode;
    // Who answers will not answer otherwise in a while.
    if (typeof rcode === 'number') return `answers NOTIFY with code ${rcode}`;
  }
  return fault;
}

/** The response code; a text where there is no answer that counts. */
function sendOnce(
  { origin, soa, peer }: Telling,
  sockets: Set<Socket>,
  waitMs: number,
): Promise<number | string> {
  const question: Question = askZone(origin, TYPE.SOA, { soa, notify: true, key: peer.key });
  const socket = createSocket(peer.host.includes(':') ? 'udp6' : 'udp4');
  sockets.add(socket);
  return new Promise((resolve) => {
    const end = (result: number | string): void => {
      clearTimeout(timer);
      if (sockets.delete(socket)) socket.close();
      resolve(result);
    };
    const timer = setTimeout(() => end('does not answer NOTIFY'), waitMs);
    timer.unref();
    socket.on('error', (error) => end(`cannot be told: ${error.message}`));
    socket.on('close', () => end('closed'));
    socket.on('message', (message, { address, port }) => {
      // What comes from elsewhere, or is no answer, does not end the wait.
      if (port !== peer.port || address !== peer.host) return;
      if (replyFault(message, question) === undefined) end((message[3] as number) & 15);
    });
    socket.send(question.octets, peer.port, peer.host, (error) => {
      if (error !== null) end(`cannot be told: ${error.message}`);
    });
  });
}
