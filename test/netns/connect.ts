import { connect } from 'node:net';

/**
 * Prints the least of five round trips to an address, in ms, or `none`: how long a closed port takes to
 * refuse. `node connect.ts ADDRESS [LIMIT_MS]`.
 */

const [address = '', limit = '500'] = process.argv.slice(2);
const PORT_CLOSED = 9;
const TRIES = 5;

function once(): Promise<number> {
  return new Promise((resolve) => {
    const begunMs = performance.now();
    const socket = connect({ host: address, port: PORT_CLOSED });
    const end = (tookMs: number) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(tookMs);
    };
    const timer = setTimeout(() => end(Number.POSITIVE_INFINITY), Number(limit));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? performance.now() - begunMs : Number.POSITIVE_INFINITY),
    );
  });
}

let leastMs = Number.POSITIVE_INFINITY;
for (let i = 0; i < TRIES; i++) leastMs = Math.min(leastMs, await once());
console.log(Number.isFinite(leastMs) ? leastMs.toFixed(2) : 'none');
