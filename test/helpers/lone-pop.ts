import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './redis.ts';

/** `isochrone pop` alone, with room for thousands of connections, in front of an origin of one object. */
export interface LonePop {
  readonly child: ChildProcess;
  readonly address: string;
  readonly port: number;
  readonly originPort: number;
  /** Fetches the object over a connection of its own, or of the agent; gives the status. */
  readonly ask: (agent?: Agent) => Promise<number>;
  readonly close: () => Promise<void>;
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const STARTS_MS = 120_000;
const BODY = Buffer.alloc(1024, 'a');

/** Starts it with its state in a folder; its object has 1 KiB and is cached. Resolves when it answers. */
export async function startLonePop(folder: string, address: string, more = ''): Promise<LonePop> {
  const origin = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': BODY.length, 'cache-control': 'max-age=3600' });
    response.end(BODY);
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port: originPort } = origin.address() as AddressInfo;
  const port = await freePort();
  const zone = '$ORIGIN bench.example.\n@ 60 SOA ns hostmaster 1 60 60 60 60\n@ 60 NS ns\n';
  writeFileSync(join(folder, 'zone'), zone);
  writeFileSync(
    join(folder, 'c.yaml'),
    `state: state
zones: [{origin: bench.example, file: zone}]
pops:
  - {code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 10000,
     links: [{transit: t, capacityMbps: 1000, ipv4: ${address}}]}
popTier: {limits: {connectionsMax: 8000, connectionsPerClientMax: 8000}}
origins: {o: {url: 'http://127.0.0.1:${originPort}', region: eu}}
distributions: {d: {domains: ['*'], behaviours: [{origin: o, compress: false}]}}
${more}`,
  );
  const args = [main, 'pop', '--config', join(folder, 'c.yaml'), '--store', 'memory', '--port', String(port)];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
  const ask = (agent = new Agent({ keepAlive: false })) => askFor({ host: address, port, agent });
  const deadlineMs = performance.now() + STARTS_MS;
  while ((await ask().catch(() => 0)) !== 200) {
    if (child.exitCode !== null || performance.now() > deadlineMs) throw new Error('the POP does not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    child,
    address,
    port,
    originPort,
    ask,
    close: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
      origin.close();
      origin.closeAllConnections();
    },
  };
}

/** Fetches the object; rejects where no answer comes in 10 s. */
export function askFor(to: {
  readonly host: string;
  readonly port: number;
  readonly agent: Agent;
}): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { ...to, path: '/object', headers: { host: 'bench.example' }, timeout: 10_000 };
    const asked = request({ ...options, rejectUnauthorized: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')));
    asked.on('error', reject);
    asked.end();
  });
}
