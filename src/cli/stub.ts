import { createSocket } from 'node:dgram';
import { on, once } from 'node:events';
import { connect } from 'node:net';
import { addAbortSignal } from 'node:stream';
import { type EcsOption, Packet, type Question } from 'dns2';
import { formatAddress, type Prefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../config/scalars.ts';
import { CLASS } from '../wire/constants.ts';

/**
 * A stub resolver's exchange with one server: dns2 writes the query, frames TCP and tells a reply from
 * what is none. See docs/decisions/0007-dns2-without-its-sockets.md.
 */

export interface StubQuestion {
  readonly server: Endpoint;
  /** Name in presentation form without escapes, as dns2 takes it. */
  readonly name: string;
  readonly type: number;
  /** Client subnet to send (RFC 7871). */
  readonly client?: Prefix;
  /** Ask over TCP at once; else over UDP, and over TCP only when the reply is truncated. */
  readonly tcp: boolean;
  /** Ends the exchange early. */
  readonly stop: AbortSignal;
}

export interface StubReply {
  /** The message as it came. */
  readonly octets: Buffer;
  readonly transport: 'UDP' | 'TCP';
  /** The reply over UDP was truncated. */
  readonly truncated: boolean;
  /** From sending the query to the whole reply, connecting included; of the last transport. */
  readonly tookMs: number;
}

const UDP_TRIES = 3;
const UDP_TRY_MS = 1500;
const TCP_MS = 4000;
/** UDP payload that we take, octets: what fits any path (RFC 9715 §3). */
const UDP_OCTETS = 1232;
/** The truncation bit, in the third octet of a message. */
const TC = 0x02;

/** Asks. Throws `OperatorError('server-unreachable')` when no reply to this query comes. */
export async function askStub(question: StubQuestion): Promise<StubReply> {
  const query = encodeQuery(question);
  if (question.tcp) return { ...(await overTcp(question, query)), truncated: false };
  const reply = await overUdp(question, query);
  if (((reply.octets[2] as number) & TC) === 0) return { ...reply, truncated: false };
  return { ...(await overTcp(question, query)), truncated: true };
}

function encodeQuery({ name, type, client }: StubQuestion): Buffer {
  const query = new Packet();
  query.header = new Packet.Header({ id: Packet.uuid(), rd: 1 });
  query.questions.push(new Packet.Question(name, type, CLASS.IN));
  const options = client === undefined ? [] : [clientSubnet(client)];
  query.additionals.push(Packet.Resource.EDNS(options, { udpPayloadSize: UDP_OCTETS }));
  return query.toBuffer();
}

/** The option by hand: dns2's helper for it takes every address for IPv4. */
function clientSubnet({ address, length }: Prefix): EcsOption {
  const family = address.family === 4 ? 1 : 2;
  const ip = formatAddress(address);
  const ednsCode = Packet.EDNS_OPTION_CODE.ECS;
  return { ednsCode, family, sourcePrefixLength: length, scopePrefixLength: 0, ip };
}

type Received = Omit<StubReply, 'truncated'>;

async function overUdp(question: StubQuestion, query: Buffer): Promise<Received> {
  const { server, stop } = question;
  const socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
  // Between two tries nobody else listens; the next try meets the error again.
  socket.on('error', () => undefined);
  let odd: string | undefined;
  try {
    // Connected, the socket takes datagrams of this server alone and learns that nothing listens there.
    socket.connect(server.port, server.host);
    await once(socket, 'connect', { signal: stop });
    for (let tries = 0; tries < UDP_TRIES; tries++) {
      const signal = AbortSignal.any([stop, AbortSignal.timeout(UDP_TRY_MS)]);
      const begunMs = performance.now();
      socket.send(query);
      try {
        for await (const [octets] of on(socket, 'message', { signal })) {
          const tookMs = performance.now() - begunMs;
          odd = whyNoReply(octets as Buffer, query);
          if (odd === undefined) return { octets, transport: 'UDP', tookMs };
        }
      } catch (error) {
        if (stop.aborted || !signal.aborted) throw error;
      }
    }
  } catch (error) {
    throw unreachable(question, 'UDP', reasonOf(error));
  } finally {
    socket.close();
  }
  const waited = `no answer in ${UDP_TRIES} tries of ${UDP_TRY_MS / 1000} s`;
  throw unreachable(question, 'UDP', odd === undefined ? waited : `${waited}; what came ${odd}`);
}

async function overTcp(question: StubQuestion, query: Buffer): Promise<Received> {
  const { server, stop } = question;
  const begunMs = performance.now();
  const timeout = AbortSignal.timeout(TCP_MS);
  const socket = connect({ host: server.host, port: server.port });
  // readStream lets go of the socket when it has the message; an error after that is of no interest.
  socket.on('error', () => undefined);
  addAbortSignal(AbortSignal.any([stop, timeout]), socket);
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
    const octets = await Packet.readStream(socket);
    const tookMs = performance.now() - begunMs;
    const odd = whyNoReply(octets, query);
    if (odd !== undefined) throw new Error(`what came ${odd}`);
    return { octets, transport: 'TCP', tookMs };
  } catch (error) {
    throw unreachable(question, 'TCP', timeout.aborted ? `no answer in ${TCP_MS / 1000} s` : reasonOf(error));
  } finally {
    socket.destroy();
  }
}

/** Why the octets are no reply to this query; undefined if they are. */
function whyNoReply(octets: Buffer, query: Buffer): string | undefined {
  let reply: Packet;
  try {
    reply = Packet.parse(octets);
  } catch (error) {
    return `is no DNS message: ${(error as Error).message}`;
  }
  const asked = Packet.parse(query);
  if (reply.header.id !== asked.header.id || reply.header.qr !== 1) return 'is no response to this query';
  const words = ({ name, type }: Question): string => `${name.toLowerCase()} ${type}`;
  // A server that could not read the query repeats no question (RFC 1035 §4.1.1).
  const repeated = reply.questions.map(words).join();
  return repeated === '' || repeated === asked.questions.map(words).join()
    ? undefined
    : 'answers another question';
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return 'nothing listens there: start `isochrone up`, or name --server';
  return message;
}

function unreachable({ server }: StubQuestion, transport: string, message: string): OperatorError {
  const file = `${formatEndpoint(server)} over ${transport}`;
  return new OperatorError('server-unreachable', [{ file, message }]);
}
