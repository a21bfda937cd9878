import { startNameServer } from '../../src/server/supervisor.ts';
import { loadEdge } from './edge.ts';

/**
 * A name server for test/bench/edge.yaml in a process of its own: tells its parent where it listens, and its
 * memory when asked. It dies of any exception, rejection or lost thread, and with its parent.
 */

export interface EdgeProcessStats {
  readonly port: number;
  readonly rssOctets: number;
}

const { data, image } = loadEdge();
const server = await startNameServer({
  listen: [{ host: '127.0.0.1', port: 0 }],
  data,
  image,
  // All clients of a fuzzer and of a benchmark have one address.
  tcp: { connectionsPerClientMax: 512 },
  onEvent: (event) => {
    console.error(event);
    process.exit(1);
  },
});

function tell(): void {
  const stats: EdgeProcessStats = {
    port: server.addresses[0]?.port ?? 0,
    rssOctets: process.memoryUsage.rss(),
  };
  process.send?.(stats);
}

process.on('message', tell);
process.on('disconnect', () => process.exit(0));
tell();
