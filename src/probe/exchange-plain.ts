import { createSocket } from 'node:dgram';
import { createPending, type Exchange, type KeyOf } from './exchange.ts';

/** UDP through Node, timed by this process: where the kernel's own times cannot be had. */
export function openPlainExchange(family: 4 | 6, keyOf: KeyOf): Exchange {
  const pending = createPending();
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  let isClosed = false;
  // What could not be sent is not answered.
  socket.on('error', () => undefined);
  socket.on('message', (octets, from) => {
    const key = keyOf(octets, from);
    if (key !== undefined) pending.answered(key, performance.now());
  });
  socket.unref();
  return {
    ask: (question) => {
      if (isClosed) return Promise.resolve(undefined);
      const answered = pending.sent(question, performance.now());
      socket.send(question.octets, question.port, question.address, () => undefined);
      return answered;
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      pending.close();
      socket.close();
    },
  };
}
