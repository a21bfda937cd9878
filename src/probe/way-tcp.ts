import { connect } from 'node:net';
import type { ReadTcpTimes } from './tcp-info.ts';
import type { Way } from './way.ts';

/**
 * A TCP handshake, closed at once. The time is the kernel's own of the handshake (TCP_INFO), else from the
 * call to the event. A reset is an answer too: somebody is there; its time is the event's.
 */
export function openTcp(readTimes: ReadTcpTimes): Way {
  return {
    ping: ({ address, port }, timeoutMs) =>
      new Promise((resolve) => {
        const begunMs = performance.now();
        const socket = connect({ host: address, port });
        const timer = setTimeout(() => end(undefined), timeoutMs);
        const end = (rttMs: number | undefined): void => {
          clearTimeout(timer);
          resolve(rttMs);
          socket.destroy();
        };
        socket.once('connect', () => end(readTimes(socket)?.rttMs ?? performance.now() - begunMs));
        socket.on('error', ({ code }: NodeJS.ErrnoException) =>
          end(code === 'ECONNREFUSED' ? performance.now() - begunMs : undefined),
        );
      }),
    close: () => undefined,
  };
}
