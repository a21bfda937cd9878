import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { must } from '../../src/base/assert.ts';
import { edgeFunctions } from '../../src/pop/edge/functions.ts';
import { encryptForm } from '../../src/pop/fle/form.ts';
import type { Stage } from '../../src/pop/request-path.ts';
import { cannedPolicy } from '../../src/pop/signed/policy.ts';
import { signedStage } from '../../src/pop/signed/stage.ts';
import { readAcl } from '../../src/pop/waf/acl.ts';
import { wafStage } from '../../src/pop/waf/stage.ts';
import { popContext, popRequest } from '../helpers/pop-request.ts';

/** What each security step costs a request, in µs on this machine: `npm run bench:edge-security`. */

const ROUNDS = 2000;
const deploy = new URL('../../deploy/edge-security/', import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, deploy), 'utf8');
const headers = [
  ['host', 'www.cdn.example'],
  ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'],
  ['accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['cookie', 'session=0123456789abcdef; theme=dark'],
] as const;
const target = '/shop/search?q=blue+shoes&size=42&colour=navy&page=3&sort=price';

async function costs(
  name: string,
  stage: Stage,
  asked: Parameters<typeof popRequest>[0],
  rounds = ROUNDS,
): Promise<void> {
  const once = () => stage.run(popRequest({ headers, target, ...asked }), popContext(1_000_000_000));
  for (let i = 0; i < rounds / 10; i++) await once();
  const beganMs = performance.now();
  for (let i = 0; i < rounds; i++) await once();
  print(name, performance.now() - beganMs, rounds);
}

function print(name: string, spentMs: number, rounds: number): void {
  console.log(`${name.padEnd(58)} ${((spentMs * 1000) / rounds).toFixed(1).padStart(9)} µs`);
}

const { acl } = readAcl({ file: 'acl.json', text: read('acl.json').replace('2000', '2000000000') }, []);
const whereabouts = () => ({ country: 'DE', asn: 64_500 });
const waf = wafStage({ acl: must(acl, 'ACL'), whereabouts, count: () => undefined });
await costs('waf: deploy/edge-security/acl.json, a search of five words', waf, {});
const text = 'comment='.padEnd(2048, 'all work and no play ');
await costs('waf: the same, with a body of 2 KiB', waf, { text });

for (const kind of ['rsa', 'ec'] as const) {
  const rsa = { modulusLength: 2048 };
  const { publicKey, privateKey } =
    kind === 'rsa' ? generateKeyPairSync('rsa', rsa) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const policy = Buffer.from(cannedPolicy(`https://www.cdn.example${target}`, '9999999999'));
  const signature = sign('sha256', policy, privateKey).toString('base64');
  const written = signature.replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~');
  const shown = `&Expires=9999999999&Signature=${written}&Key-Pair-Id=K&Hash-Algorithm=SHA256`;
  const stage = signedStage(new Map([['K', publicKey]]));
  await costs(`signed: a canned policy, ${kind}, SHA-256`, stage, { receivedTarget: target + shown });
  if (kind === 'ec') continue;
  const profile = { name: 'p', provider: 'p', keyName: 'k', publicKey, fields: ['card'] };
  const form = Buffer.from('name=ada&card=4111111111111111&city=London');
  const beganMs = performance.now();
  for (let i = 0; i < ROUNDS; i++) encryptForm(form, profile, randomBytes);
  print('fle: one field of a small form', performance.now() - beganMs, ROUNDS);
}

const functions = edgeFunctions({
  functions: new Map([['index', { code: read('index.js') }]]),
  memoryOctets: 2 << 20,
  limitMs: 5000,
  threads: 1,
  log: console.log,
  count: () => undefined,
});
await costs('function: deploy/edge-security/index.js, one at a time', functions.request('index'), {}, 300);
await functions.close();
