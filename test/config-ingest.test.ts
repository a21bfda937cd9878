import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Config, inspectConfig, loadConfig } from '../src/config/config.ts';

const read = (path: string): never => {
  throw new Error(`no file ${path}`);
};
const pop = (code: string, ipv4: string): string =>
  `  - {code: ${code}, city: C, country: DE, region: r, latitude: 1, longitude: 2, capacityRps: 3, ` +
  `links: [{transit: t, capacityMbps: 1, ipv4: ${ipv4}}]}\n`;
const REST = `zones: [{origin: e.example, file: z/e.zone}]
pops:
${pop('AAA', '192.0.2.1')}${pop('BBB', '192.0.2.2')}`;
const load = (text: string): Config => loadConfig({ text: REST + text, file: 'a/b.yaml', read });

test('what the listener for agents takes is checked: tokens, their POPs, addresses', () => {
  const secret = 'of-sixteen-signs';
  const hashed = `sha256:${'0f'.repeat(32)}`;
  const good = load(`
listen: {ingest: "127.0.0.1:5381"}
ingest: {tokens: {AAA: ${secret}, BBB: "${hashed}"}, tls: {certificate: c.pem, key: /k.pem}}`);
  assert.deepEqual(good.listen.ingest, { host: '127.0.0.1', port: 5381 });
  assert.deepEqual(good.ingest.tokens, { AAA: secret, BBB: hashed });
  assert.deepEqual(good.ingest.tls, { certificate: 'a/c.pem', key: '/k.pem' });
  const { problems } = inspectConfig({
    text: `${REST}
listen: {admin: "127.0.0.1:5381", ingest: "127.0.0.1:5381"}
ingest:
  tokens: {AAA: short, BBA: ${secret}, BBB: ${secret}, CCC: "sha256:0f"}
  proxies: [10.0.0.1/8]
  beacon: {url: "ftp://x/", pops: 0}`,
    file: 'a/b.yaml',
    read,
  });
  assert.deepEqual(
    problems.map(({ message }) => message.split(':')[0]),
    [
      'listen.ingest',
      ...['AAA', 'BBA', 'BBB', 'CCC', 'CCC'].map((code) => `ingest.tokens.${code}`),
      ...['ingest.proxies[0]', 'ingest.beacon.url', 'ingest.beacon.pops'],
    ],
  );
});
