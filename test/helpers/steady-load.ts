import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeQuery } from './message.ts';

/** What became of a load. */
export interface LoadResult {
  readonly sent: number;
  readonly answered: number;
  /** The longest that an answer took, ms. */
  readonly slowestMs: number;
}

/** A load that runs until it is stopped. */
export interface SteadyLoad {
  /** Queries sent so far. */
  readonly sent: () => number;
  /** Sends no more, waits for what is on its way, and tells. */
  readonly stop: () => Promise<LoadResult>;
}

/** Sockets to send from: with several threads on one port, each answers some of them. */
const SOCKETS = 16;
const EVERY_MS = 5;
/** Time for the last answers, ms. */
const LAST_MS = 3_000;

/** Asks for one name over UDP at a steady rate, and keeps account of each query. */
export async function startLoad(options: {
  readonly port: number;
  readonly name: string;
  readonly perSecond: number;
}): Promise<SteadyLoad> {
  const { port, name, perSecond } = options;
  const query = Buffer.from(encodeQuery({ name, type: 'A' }));
  const pending = Array.from({ length: SOCKETS }, () => new Map<number, number>());
  let [sent, answered, slowestMs] = [0, 0, 0];
  const sockets = pending.map((waiting) => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    socket.on('message', (answer) => {
      const id = answer.readUInt16BE(0);
      const atMs = waiting.get(id);
      if (atMs === undefined || !waiting.delete(id)) return;
      answered++;
      slowestMs = Math.max(slowestMs, performance.now() - atMs);
    });
    // A refused port is a query without an answer, and is counted as that.
    socket.on('error', () => undefined);
    return socket;
  });
  await Promise.all(
    sockets.map(async (socket) => {
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
    }),
  );
  const startMs = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (; sent < due; sent++) {
      const slot = sent % SOCKETS;
      const id = Math.floor(sent / SOCKETS) & 0xffff;
      const message = Buffer.from(query);
      message.writeUInt16BE(id, 0);
      pending[slot]?.set(id, performance.now());
      sockets[slot]?.send(message);
    }
  }, EVERY_MS);
  return {
    sent: () => sent,
    stop: async () => {
      clearInterval(timer);
      const deadline = performance.now() + LAST_MS;
      while (answered < sent && performance.now() < deadline) await sleep(10);
      for (const socket of sockets) socket.close();
      return { sent, answered, slowestMs };
    },
  };
}
