import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { ListenAddress } from '../../src/server/handler.ts';
import { decodeMessage, encodeQuery, type Message, type QueryOptions } from './message.ts';

/** A question, where to, and how long to wait for the answer. */
export interface Ask extends QueryOptions {
  readonly server: ListenAddress;
  readonly transport?: 'udp' | 'tcp';
  readonly timeoutMs?: number;
}

/** Asks a name server over its socket and reads the answer strictly. Rejects when none comes. */
export async function ask(options: Ask): Promise<Message> {
  const { server, transport = 'udp', timeoutMs = 5_000 } = options;
  const query = encodeQuery(options);
  const signal = AbortSignal.timeout(timeoutMs);
  const answer = await (transport === 'udp'
    ? overUdp(server, query, signal)
    : overTcp(server, query, signal));
  return decodeMessage(answer);
}

async function overUdp(server: ListenAddress, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const socket = createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.send(query, server.port, server.host);
    const [answer] = await once(socket, 'message', { signal });
    return answer as Uint8Array;
  } finally {
    socket.close();
  }
}

async function overTcp(server: ListenAddress, query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const socket = connect(server.port, server.host);
  socket.on('error', () => {});
  signal.addEventListener('abort', () => socket.destroy());
  socket.end(Buffer.from([query.length >> 8, query.length & 0xff, ...query]));
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const all = Buffer.concat(chunks);
  if (all.length < 2 || all.length !== all.readUInt16BE(0) + 2)
    throw new Error(`${all.length} octets over TCP`);
  return all.subarray(2);
}
