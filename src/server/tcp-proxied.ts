import type { Socket } from 'node:net';
import type { Client } from '../answer/context.ts';
import { emptyProxiedClient, PROXY_HEADER_MAX, readProxyHeader } from '../wire/proxy.ts';

/**
 * Reads the PROXY header that begins what a proxy sends; what follows it stays in the socket. `ready` gets
 * the client that the proxy asks for, or undefined if there is no sound header. It is not called for a proxy
 * that goes before: who waits for it sets a bound on the time.
 */
export function readProxied(
  socket: Socket,
  proxy: Client,
  ready: (client: Client | undefined) => void,
): void {
  let held = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
      held = Buffer.concat([held, chunk as Buffer]);
      // More than a header may be there, but no more need be looked at.
      const proxied = emptyProxiedClient();
      const size = readProxyHeader(proxied, held, Math.min(held.length, PROXY_HEADER_MAX));
      if (size === 0) continue;
      socket.off('readable', onReadable);
      if (size > 0 && held.length > size) socket.unshift(held.subarray(size));
      ready(size < 0 ? undefined : clientOf(proxy, proxied));
      return;
    }
  };
  socket.on('readable', onReadable);
}

function clientOf(proxy: Client, proxied: ReturnType<typeof emptyProxiedClient>): Client {
  if (!proxied.known) return proxy;
  return { ...proxy, address: proxied.address, port: proxied.port === 0 ? proxy.port : proxied.port };
}
