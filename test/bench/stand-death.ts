import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { encodeQuery } from '../helpers/message.ts';
import { startDataServer } from './data-client.ts';
import { offer } from './loads.ts';
import { root, sleep } from './machine.ts';
import { percent, whole } from './report.ts';
import type { Stand } from './stand.ts';

const RATE = 50_000;
const EVERY_MS = 300;

/**
 * A query that ends the thread that works on it, sent again and again. The program has no such query: a hook
 * of the tests makes one (test/helpers/death-hook.ts).
 */
export async function measureDeath(stand: Stand): Promise<string> {
  const { config, state, port, load: program, names, rounds } = stand;
  const nodeFlags = ['--import', join(root, 'test/helpers/death-hook.ts')];
  const setup = { config, state, port, workers: 1 };
  const server = await startDataServer(setup, { cores: stand.cores, nodeFlags });
  const offering = offer({ program, port, names, rate: RATE, seconds: 600, clients: '4' });
  await offering.started;
  await sleep(1000);
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  for (let round = 0; round < rounds; round++) {
    socket.send(encodeQuery({ name: 'death.edge.test.', type: 'A', id: round }), port, '127.0.0.1');
    await sleep(EVERY_MS);
  }
  socket.close();
  offering.stop();
  const { sent, lost, latencyUs, wrongSource, unmatched } = await offering.figures;
  const { events } = await server.order({ kind: 'stats' }, 'stats');
  await server.stop();
  const count = (kind: string): number => events.filter((event) => event.includes(`"kind":"${kind}"`)).length;
  return (
    `A query of death sent ${rounds} times at ${whole(RATE)} other queries/s, 1 worker:\n` +
    `  ${count('worker-died')} workers died, then it was dropped (${count('query-of-death')} times said); ` +
    `${lost} of ${whole(sent)} others lost (${percent(lost, sent)}); ` +
    `the slowest answer ${(latencyUs.max / 1000).toFixed(1)} ms; ` +
    `${wrongSource} answers from a wrong address, ${unmatched} twice or late`
  );
}
