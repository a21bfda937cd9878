import { connect as connectTo, createServer, type Socket } from 'node:net';

/** A TCP proxy that holds back what the server says. */
export interface SlowProxy {
  readonly port: number;
  /** From now on each piece of a reply comes so much later, ms. */
  readonly setDelayMs: (delayMs: number) => void;
  readonly stop: () => Promise<void>;
}

/** In front of a port of 127.0.0.1; without delay at first. */
export async function startSlowProxy(serverPort: number): Promise<SlowProxy> {
  let delayMs = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connectTo(serverPort, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (octets) => upstream.write(octets));
    upstream.on('data', (octets) => setTimeout(() => client.write(octets), delayMs));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    setDelayMs: (ms) => {
      delayMs = ms;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
