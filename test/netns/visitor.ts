import { Resolver } from 'node:dns/promises';
import { Agent, get } from 'node:http';

/**
 * Visitors of a client network: `node visitor.ts NAME_SERVER NAME PORT RPS` asks for the name each second and
 * sends so many requests a second to the address that it got last, over a few kept connections.
 */

const [nameServer = '', name = '', port = '80', rps = '10'] = process.argv.slice(2);
const ASK_EVERY_MS = 1_000;
const LIMIT_MS = 2_000;
const resolver = new Resolver({ timeout: LIMIT_MS, tries: 1 });
resolver.setServers([nameServer]);
let agent = new Agent({ keepAlive: true, maxSockets: 4 });
let address = '';

async function ask(): Promise<void> {
  const [found = address] = await resolver.resolve4(name).catch(() => []);
  if (found === address) return;
  // Connections to the POP before are left, as browsers do in time.
  agent.destroy();
  agent = new Agent({ keepAlive: true, maxSockets: 4 });
  address = found;
}

function visit(): void {
  if (address === '') return;
  const request = get({ host: address, port: Number(port), agent, timeout: LIMIT_MS }, (response) => {
    response.on('error', () => undefined).resume();
  });
  request.on('timeout', () => request.destroy()).on('error', () => undefined);
}

setInterval(() => void ask(), ASK_EVERY_MS);
setInterval(visit, 1000 / Number(rps));
await ask();
