import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** POPs under a mixed load: an origin and a configuration with rules and a function in front of it. */

/** FRA over FRA-a in the demo's fleet. */
const POP_ADDRESS = '127.64.1.1';
const HOST = 'www.cdn.example';
const EVERY_MS = 20;
/** What is asked in turn: pages that are kept, those that are not, an attack, an origin that fails. */
const TARGETS = [
  ['GET', '/static/a'],
  ['GET', '/static/b'],
  ['GET', '/static/a'],
  ['GET', '/dynamic'],
  ['POST', '/echo'],
  ['GET', "/?id=1'%20OR%20'1'='1"],
  ['GET', '/fail'],
  ['GET', '/static/c'],
  ['GET', '/folder/'],
  ['GET', '/static/b'],
] as const;

/** An origin, and the file of a configuration whose POPs stand in front of it. */
export interface PopWorld {
  readonly config: string;
  readonly close: () => Promise<void>;
}

/** Writes `FOLDER/isochrone.yaml`: the demo with the web ACL and the function of deploy/edge-security. */
export async function startPopWorld(folder: string): Promise<PopWorld> {
  const origin = createServer((asked, response) => {
    asked.resume();
    const { url = '' } = asked;
    const isKept = url.startsWith('/static/');
    response.statusCode = url === '/fail' ? 500 : 200;
    response.setHeader('cache-control', isKept ? 'max-age=2' : 'no-store');
    response.end(url.repeat(50));
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port } = origin.address() as AddressInfo;
  const of = (path: string): string =>
    JSON.stringify(fileURLToPath(new URL(`../../${path}`, import.meta.url)));
  const text = [
    `zones: [{ origin: cdn.example, file: ${of('geo-data/demo/cdn.example.zone')} }]`,
    `services: { web: { https: { port: 8443 } }, web-eu: { pops: [FRA, AMS, LHR] } }`,
    `pops: ${of('geo-data/pops.csv')}`,
    'popAddresses: modelled',
    'security:',
    `  webAcls: { starter: { file: ${of('deploy/edge-security/acl.json')} } }`,
    `  functions: { index: ${of('deploy/edge-security/index.js')} }`,
    `origins: { app: { url: 'http://127.0.0.1:${port}', region: na-east } }`,
    'distributions:',
    '  site:',
    `    domains: [cdn.example, '*.cdn.example']`,
    '    webAcl: starter',
    '    behaviours: [{ origin: app, functions: { viewerRequest: index } }]',
  ];
  const config = join(folder, 'isochrone.yaml');
  writeFileSync(config, `${text.join('\n')}\n`);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      origin.close(() => resolve());
      origin.closeAllConnections();
    });
  return { config, close };
}

/** Asks a POP for one thing after the other until it is stopped. Answers of any status count. */
export function startPopLoad(port: number): { readonly answered: () => number; readonly stop: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 8, rejectUnauthorized: false });
  let [next, answered] = [0, 0];
  const timer = setInterval(() => {
    const [method, path] = TARGETS[next++ % TARGETS.length] as (typeof TARGETS)[number];
    const headers = { host: HOST };
    const asked = request({ host: POP_ADDRESS, port, servername: HOST, method, path, headers, agent });
    asked.on('response', (response) => {
      response.resume();
      answered++;
    });
    // A POP that is overloaded ends connections: that is a picture, too.
    asked.on('error', () => undefined);
    asked.end(method === 'POST' ? 'some text' : undefined);
  }, EVERY_MS);
  return {
    answered: () => answered,
    stop: () => {
      clearInterval(timer);
      agent.destroy();
    },
  };
}
