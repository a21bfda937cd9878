import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A configuration with every security feature, its files, and an origin that remembers what reached it. */
export interface SecurityWorld {
  readonly folder: string;
  readonly config: string;
  /** Port of the origin on 127.0.0.1. */
  readonly port: number;
  readonly signingKey: string;
  readonly fieldKey: string;
  readonly seen: readonly Seen[];
  readonly close: () => Promise<void>;
}

/** A request as it reached the origin. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Number of the POP's loopback network. */
export const POP_ADDRESS = '127.73.1.1';
export const HOST = 'www.sec.example';

const NONE = [{ Priority: 0, Type: 'NONE' }];
const ACL = {
  Name: 'main',
  DefaultAction: { Allow: {} },
  CustomResponseBodies: { slow: { ContentType: 'TEXT_PLAIN', Content: 'slow down' } },
  Rules: [
    {
      Name: 'sql',
      Priority: 1,
      Statement: {
        SqliMatchStatement: {
          FieldToMatch: { AllQueryArguments: {} },
          TextTransformations: [{ Priority: 0, Type: 'URL_DECODE' }],
        },
      },
      Action: { Block: {} },
    },
    {
      Name: 'evil-body',
      Priority: 2,
      Statement: {
        ByteMatchStatement: {
          SearchString: 'evil',
          PositionalConstraint: 'CONTAINS',
          FieldToMatch: { Body: {} },
          TextTransformations: NONE,
        },
      },
      Action: { Block: {} },
    },
    {
      Name: 'office',
      Priority: 3,
      Statement: { IPSetReferenceStatement: { ARN: 'office' } },
      Action: { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: 'office', Value: 'yes' }] } } },
    },
    {
      Name: 'limit',
      Priority: 4,
      Statement: {
        RateBasedStatement: {
          Limit: 10,
          EvaluationWindowSec: 600,
          AggregateKeyType: 'IP',
          ScopeDownStatement: {
            ByteMatchStatement: {
              SearchString: '/limited',
              PositionalConstraint: 'EXACTLY',
              FieldToMatch: { UriPath: {} },
              TextTransformations: NONE,
            },
          },
        },
      },
      Action: { Block: { CustomResponse: { ResponseCode: 429, CustomResponseBodyKey: 'slow' } } },
    },
  ],
};

const FUNCTIONS = {
  index: `import cf from 'cloudfront';
  async function handler({ request, viewer }) {
    request.uri += await cf.kvs().get('page');
    const { value } = request.headers['cloudfront-viewer-country'];
    request.headers['x-viewer'] = { value: viewer.ip + ' ' + value };
    return request; }`,
  hsts: `function handler(event) {
    event.response.headers['strict-transport-security'] = { value: 'max-age=1' };
    return event.response; }`,
  loop: 'function handler() { for (;;); }',
  bomb: 'function handler() { var all = []; for (;;) all.push("x".repeat(9999) + all.length); }',
  host: 'function handler(e) { e.request.headers.host = { value: "evil.example" }; return e.request; }',
};

/** Writes everything; `popPort` is where the POP is to listen. */
export async function startSecurityWorld(popPort: number): Promise<SecurityWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-security-'));
  const seen: Seen[] = [];
  const origin = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') });
    const status = url.startsWith('/lambda/missing') ? 404 : 200;
    response.writeHead(status, { 'content-type': 'text/plain', 'cache-control': 'max-age=60' });
    response.end(`origin ${url}\n`);
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const { port } = origin.address() as AddressInfo;
  const save = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return name;
  };
  const pair = () =>
    generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
  const [signing, fields] = [pair(), pair()];
  save('signing.pem', signing.publicKey);
  save('fields.pem', fields.publicKey);
  save('acl.json', JSON.stringify(ACL, null, 2));
  save('office.json', JSON.stringify({ Name: 'office', Addresses: ['127.3.0.9/32'] }));
  for (const [name, code] of Object.entries(FUNCTIONS)) save(`${name}.js`, code);
  save('pages.json', JSON.stringify({ data: [{ key: 'page', value: 'index.html' }] }));
  save(
    'sec.example.zone',
    '$ORIGIN sec.example.\n@ 300 SOA ns hostmaster 1 3600 600 86400 60\n@ 300 NS ns\n' +
      'ns 300 A 192.0.2.53\nwww 60 STEER web\n',
  );
  save('sec.yaml', configuration(port, popPort));
  return {
    folder,
    port,
    config: join(folder, 'sec.yaml'),
    signingKey: signing.privateKey,
    fieldKey: fields.privateKey,
    seen,
    close: async () => {
      origin.closeAllConnections();
      await new Promise((resolve) => origin.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(originPort: number, popPort: number): string {
  const lambda = fileURLToPath(new URL('../fixtures/lambda/promise.mjs', import.meta.url));
  return `cluster: sec
zones: [{ origin: sec.example, file: sec.example.zone }]
services: { web: { https: { port: ${popPort} } } }
networks:
  - { prefix: 127.1.0.0/16, country: JP, latitude: 35.68, longitude: 139.69 }
  - { prefix: 127.3.0.0/16, country: DE, latitude: 50.11, longitude: 8.68 }
pops:
  - { code: FRA, city: Frankfurt, country: DE, region: eu, latitude: 50.1, longitude: 8.7, capacityRps: 1000,
      links: [{ transit: t, capacityMbps: 1000, ipv4: ${POP_ADDRESS} }] }
popTier: { accessLog: access.log }
security:
  webAcls: { main: { file: acl.json, with: [office.json] } }
  publicKeys: { KSIGN: signing.pem, KFIELDS: fields.pem }
  keyGroups: { partners: [KSIGN] }
  fieldProfiles: { cards: { key: KFIELDS, provider: shop, fields: [card*] } }
  fieldEncryption: { checkout: { profile: cards } }
  functions: { ${Object.keys(FUNCTIONS)
    .map((name) => `${name}: ${name}.js`)
    .join(', ')} }
  keyValueStores: { pages: { file: pages.json, functions: [index] } }
  functionLimits: { limitMs: 1000 }
  lambdas: { promise: { file: ${lambda}, trusted: true, limitMs: 2000 } }
origins: { app: { url: 'http://127.0.0.1:${originPort}' } }
distributions:
  site:
    domains: [${HOST}]
    webAcl: main
    geoRestriction: { deny: [JP] }
    behaviours:
      - { path: /films/*, origin: app, trustedKeyGroups: [partners] }
      - { path: /pay, origin: app, fieldEncryption: checkout }
      - { path: /function/*, origin: app, functions: { viewerRequest: index, viewerResponse: hsts } }
      - { path: /loop, origin: app, functions: { viewerRequest: loop } }
      - { path: /bomb, origin: app, functions: { viewerRequest: bomb } }
      - { path: /host, origin: app, functions: { viewerRequest: host } }
      - path: /lambda/*
        origin: app
        lambdas: { originRequest: promise, originResponse: promise, viewerResponse: promise }
      - { origin: app }
`;
}
