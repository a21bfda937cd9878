/**
 * `npm run bench:l3`: 10,000 requests that no cache can answer, through one POP to an origin that counts its
 * connections. Ends with 1 where it saw more than the POP may keep.
 */
import { createServer } from 'node:http';
import { Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { get, startPopStage } from '../helpers/pop-stage.ts';

const REQUESTS = 10_000;
const CLIENTS = 50;
/** What origins have where nothing is configured. */
const CONNECTIONS_MAX = 10;

let asked = 0;
let connections = 0;
const origin = createServer((_request, response) => {
  asked++;
  response.setHeader('cache-control', 'no-store');
  response.end('dynamic\n');
});
origin.on('connection', () => connections++);
await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
const { port } = origin.address() as AddressInfo;
const stage = await startPopStage({ net: 94, origin: new URL(`http://127.0.0.1:${port}`) });
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
const startedMs = performance.now();
const cpuBefore = process.cpuUsage();
let begun = 0;
let good = 0;
await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    while (begun < REQUESTS) {
      const { status } = await get(stage, 'FRA', `/${begun++}`, { agent, method: 'POST' });
      if (status === 200) good++;
    }
  }),
);
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
agent.destroy();
await stage.close();
origin.close();
const isFine = good === REQUESTS && asked === REQUESTS && connections <= CONNECTIONS_MAX;
console.log(
  `${good} of ${REQUESTS} requests answered, ${asked} reached the origin over ${connections} connections ` +
    `(${CONNECTIONS_MAX} allowed) in ${seconds.toFixed(1)} s; ` +
    `${((user + system) / REQUESTS).toFixed(0)} µs of processor time each, clients and origin included`,
);
process.exitCode = isFine ? 0 : 1;
