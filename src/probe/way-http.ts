import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { ReadTcpTimes } from './tcp-info.ts';
import type { Way } from './way.ts';

/** How HTTP is asked. */
export interface HttpWayOptions {
  readonly scheme: 'http' | 'https';
  /** `isochrone-agent/0.1.0 (+noc@example.com)`. */
  readonly userAgent: string;
  readonly readTimes: ReadTcpTimes;
}

/**
 * A HEAD request on a connection of its own; it is answered when a response's head is there, whatever its
 * status. The time is the least round trip that the kernel saw on the connection by then (handshake, TLS,
 * request): what the server thinks about is not in it. Where the kernel cannot be asked: from the call to the
 * connection. Certificates are not checked: this measures, it trusts nobody.
 */
export function openHttp({ scheme, userAgent, readTimes }: HttpWayOptions): Way {
  const request = scheme === 'http' ? requestHttp : requestHttps;
  return {
    ping: ({ address, port }, timeoutMs) =>
      new Promise((resolve) => {
        const begunMs = performance.now();
        let socket: Socket | undefined;
        let connectMs: number | undefined;
        const headers = { 'user-agent': userAgent, connection: 'close' };
        const asked = request({
          host: address,
          port,
          method: 'HEAD',
          path: '/',
          headers,
          agent: false,
          rejectUnauthorized: false,
        });
        const timer = setTimeout(() => end(undefined), timeoutMs);
        const end = (rttMs: number | undefined): void => {
          clearTimeout(timer);
          resolve(rttMs);
          asked.destroy();
        };
        asked.on('error', () => end(undefined));
        asked.once('socket', (used) => {
          socket = used;
          used.once('connect', () => {
            connectMs = performance.now() - begunMs;
          });
        });
        asked.once('response', (response) => {
          const times = socket === undefined ? undefined : readTimes(socket);
          response.destroy();
          end(times?.minMs ?? connectMs);
        });
        asked.end();
      }),
    close: () => undefined,
  };
}
