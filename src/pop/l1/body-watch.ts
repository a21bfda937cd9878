import type { Readable } from 'node:stream';
import { type ClientConnection, octetsRead } from './connections.ts';

/** Counts a body as coming in until it is over. */
export function receives(connection: ClientConnection, body: Readable): void {
  connection.receiving++;
  connection.mark = { octets: octetsRead(connection), atMs: performance.now() };
  let isComing = true;
  const end = (): void => {
    if (isComing) connection.receiving--;
    isComing = false;
  };
  body.once('end', end);
  body.once('close', end);
}
