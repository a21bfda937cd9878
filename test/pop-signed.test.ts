import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { readPublicKey } from '../src/pop/signed/keys.ts';
import { signedStage } from '../src/pop/signed/stage.ts';
import { popContext, popRequest, textOf } from './helpers/pop-request.ts';

/** Signed URLs and cookies as the SDK of AWS makes them: which open, and which do not. */

const NOW_MS = Date.parse('2026-12-01T12:00:00Z');
const SOON = '2026-12-01T13:00:00Z';
const PAST = '2026-12-01T11:00:00Z';
const HOST = 'www.cdn.example';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
const KEYS = { rsa: pem(rsa.privateKey), ec: pem(ec.privateKey), stranger: pem(stranger.privateKey) };
const stage = signedStage(
  new Map([
    ['KRSA', rsa.publicKey],
    ['KEC', ec.publicKey],
  ]),
);

interface Signing {
  readonly url?: string;
  readonly key?: keyof typeof KEYS;
  readonly id?: string;
  readonly algorithm?: 'SHA1' | 'SHA256';
  readonly policy?: string;
  readonly dateLessThan?: string;
  readonly dateGreaterThan?: string;
  readonly ipAddress?: string;
}

function parameters(signing: Signing) {
  const {
    key = 'rsa',
    algorithm = 'SHA1',
    policy,
    dateLessThan = SOON,
    dateGreaterThan,
    ipAddress,
  } = signing;
  const url = signing.url ?? `https://${HOST}/private/film.mp4?quality=high&x=%2F`;
  const ids = { rsa: 'KRSA', ec: 'KEC', stranger: 'KRSA' };
  const common = { keyPairId: signing.id ?? ids[key], privateKey: KEYS[key], algorithm };
  if (policy !== undefined) return { ...common, url, policy };
  return {
    ...common,
    url,
    dateLessThan,
    ...(dateGreaterThan === undefined ? {} : { dateGreaterThan }),
    ...(ipAddress === undefined ? {} : { ipAddress }),
  };
}

/** The request target of a signed URL. */
function signedTarget(signing: Signing = {}): string {
  return getSignedUrl(parameters(signing) as Parameters<typeof getSignedUrl>[0]).replace(
    /^https?:\/\/[^/]*/,
    '',
  );
}

function signedCookie(signing: Signing = {}): string {
  const cookies = getSignedCookies(parameters(signing) as Parameters<typeof getSignedCookies>[0]);
  return Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');
}

interface Sent {
  readonly target?: string;
  readonly cookie?: string;
  readonly client?: string;
  readonly host?: string;
  readonly http?: boolean;
}

/** What the stage makes of it: `open`, or the error's code. */
async function outcome(sent: Sent) {
  const { target = '/private/film.mp4?quality=high&x=%2F', cookie, client = '192.0.2.1', host = HOST } = sent;
  const request = popRequest({
    receivedTarget: target,
    target,
    host: host.replace(/:\d+$/, ''),
    headers: [['host', host], ...(cookie === undefined ? [] : [['cookie', cookie] as const])],
    clientAddress: client,
    ...(sent.http === true ? { tls: undefined } : {}),
  });
  const response = await stage.run(request, popContext(NOW_MS));
  const code = response === undefined ? 'open' : /<Code>(\w+)/.exec(await textOf(response.body))?.[1];
  return { code, status: response?.status ?? 0, request };
}

const custom = (condition: object, resource: string | undefined = `https://${HOST}/private/*`): string =>
  JSON.stringify({
    Statement: [{ ...(resource === '' ? {} : { Resource: resource }), Condition: condition }],
  });
const until = (text: string) => ({ 'AWS:EpochTime': Date.parse(text) / 1000 });
const inTime = { DateLessThan: until(SOON) };

for (const key of ['rsa', 'ec'] as const)
  for (const algorithm of ['SHA1', 'SHA256'] as const)
    for (const [kind, more] of [
      ['canned', {}],
      ['custom', { policy: custom(inTime) }],
    ] as const) {
      test(`signed: a URL with a ${kind} policy, ${key}, ${algorithm} opens`, async () => {
        const { code, request } = await outcome({ target: signedTarget({ key, algorithm, ...more }) });
        assert.equal(code, 'open');
        assert.equal(request.target, '/private/film.mp4?quality=high&x=%2F', 'what signs goes no further');
      });
      test(`signed: cookies with a ${kind} policy, ${key}, ${algorithm} open`, async () => {
        const cookie = `a=b; ${signedCookie({ key, algorithm, ...more })}; c=d`;
        const { code, request } = await outcome({ cookie });
        assert.equal(code, 'open');
        assert.deepEqual(request.headers.at(-1), ['cookie', 'a=b; c=d'], 'what signs goes no further');
      });
    }

const changed = (text: string, from: RegExp, to: string): string => {
  assert.match(text, from);
  return text.replace(from, to);
};
const flip = (text: string): string =>
  text.replace(/(Signature=)(.)/, (_, name, first) => name + (first === 'A' ? 'B' : 'A'));

/** Name, what is sent, and what comes of it. */
const CASES: readonly (readonly [name: string, sent: Sent, code: string])[] = [
  ['no credentials', {}, 'MissingKey'],
  ['foreign cookies only', { cookie: 'session=1' }, 'MissingKey'],
  ['Expires alone', { target: '/private/film.mp4?Expires=9999999999' }, 'MissingKey'],
  ['another path', { target: changed(signedTarget(), /film/, 'other') }, 'AccessDenied'],
  ['another query', { target: changed(signedTarget(), /high/, 'low') }, 'AccessDenied'],
  ['a parameter more', { target: `${signedTarget()}&more=1` }, 'AccessDenied'],
  [
    'parameters in another order',
    { target: changed(signedTarget(), /quality=high&x=%2F/, 'x=%2F&quality=high') },
    'AccessDenied',
  ],
  ['the path in another encoding', { target: changed(signedTarget(), /film/, '%66ilm') }, 'AccessDenied'],
  ['the query decoded', { target: changed(signedTarget(), /%2F/, '/') }, 'AccessDenied'],
  ['another host', { target: signedTarget(), host: 'other.cdn.example' }, 'AccessDenied'],
  ['plain HTTP', { target: signedTarget(), http: true }, 'AccessDenied'],
  ['a later end', { target: changed(signedTarget(), /Expires=\d+/, 'Expires=9999999999') }, 'AccessDenied'],
  [
    'an end that is no number',
    { target: changed(signedTarget(), /Expires=\d+/, 'Expires=1e12') },
    'MalformedPolicy',
  ],
  ['past its end', { target: signedTarget({ dateLessThan: PAST }) }, 'AccessDenied'],
  ['a changed signature', { target: flip(signedTarget()) }, 'AccessDenied'],
  [
    'a signature in plain base64',
    { target: changed(signedTarget(), /Signature=/, 'Signature=+') },
    'AccessDenied',
  ],
  ['the key of a stranger', { target: signedTarget({ key: 'stranger' }) }, 'AccessDenied'],
  ['an unknown key', { target: signedTarget({ id: 'KNONE' }) }, 'InvalidKey'],
  ['the id of another key', { target: signedTarget({ key: 'ec', id: 'KRSA' }) }, 'AccessDenied'],
  [
    'SHA-256 taken for SHA-1',
    { target: changed(signedTarget({ algorithm: 'SHA256' }), /&Hash-Algorithm=SHA256/, '') },
    'AccessDenied',
  ],
  [
    'an unknown hash',
    { target: changed(signedTarget({ algorithm: 'SHA256' }), /SHA256/, 'MD5') },
    'AccessDenied',
  ],
  ['no signature', { target: changed(signedTarget(), /&Signature=[^&]*/, '') }, 'MalformedCredentials'],
  ['no key', { target: changed(signedTarget(), /&Key-Pair-Id=[^&]*/, '') }, 'MalformedCredentials'],
  ['a parameter twice', { target: `${signedTarget()}&Expires=9999999999` }, 'MalformedCredentials'],
  ['both kinds of policy', { target: `${signedTarget()}&Policy=e30_` }, 'MalformedCredentials'],
  ['a bad URL beside good cookies', { target: flip(signedTarget()), cookie: signedCookie() }, 'AccessDenied'],
  ['a URL of a path with signs', { target: signedTarget({ url: `https://${HOST}/a b/(c)'~.txt` }) }, 'open'],
  ['a URL without query', { target: signedTarget({ url: `https://${HOST}/a` }) }, 'open'],
  ['a URL with a bare question mark', { target: signedTarget({ url: `https://${HOST}/a?` }) }, 'open'],
  [
    'a URL with its port',
    { target: signedTarget({ url: `https://${HOST}:8443/a` }), host: `${HOST}:8443` },
    'open',
  ],
  [
    'a URL without the port',
    { target: signedTarget({ url: `https://${HOST}/a` }), host: `${HOST}:8443` },
    'open',
  ],
  ['a host in capitals', { target: signedTarget(), host: HOST.toUpperCase() }, 'open'],
  ['not yet', { target: signedTarget({ dateGreaterThan: '2026-12-01T12:30:00Z' }) }, 'AccessDenied'],
  ['from its beginning on', { target: signedTarget({ dateGreaterThan: PAST }) }, 'open'],
  ['the right address', { target: signedTarget({ ipAddress: '192.0.2.1' }) }, 'open'],
  ['the right network', { target: signedTarget({ ipAddress: '192.0.2.77/24' }) }, 'open'],
  ['the wrong address', { target: signedTarget({ ipAddress: '192.0.2.2' }) }, 'AccessDenied'],
  ['the wrong network', { target: signedTarget({ ipAddress: '198.51.100.0/24' }) }, 'AccessDenied'],
  [
    'an IPv6 client where an address is named',
    { target: signedTarget({ ipAddress: '0.0.0.0/0' }), client: '2001:db8::1' },
    'AccessDenied',
  ],
  [
    'a changed policy',
    {
      target: changed(
        signedTarget({ policy: custom(inTime) }),
        /Policy=[^&]*/,
        `Policy=${Buffer.from(custom({ DateLessThan: until('2030-01-01T00:00:00Z') }))
          .toString('base64')
          .replaceAll('=', '_')}`,
      ),
    },
    'AccessDenied',
  ],
  [
    'a policy past its end',
    { target: signedTarget({ policy: custom({ DateLessThan: until(PAST) }) }) },
    'AccessDenied',
  ],
  [
    'another file of a pattern',
    { target: '/private/other?z=1', cookie: signedCookie({ policy: custom(inTime) }) },
    'open',
  ],
  [
    'a file beside the pattern',
    { target: '/public/other', cookie: signedCookie({ policy: custom(inTime) }) },
    'AccessDenied',
  ],
  [
    'a pattern for any scheme and host',
    { cookie: signedCookie({ policy: custom(inTime, 'http*://*.cdn.example/private/f?lm.mp4*') }) },
    'open',
  ],
  [
    'a pattern with one character too many',
    { cookie: signedCookie({ policy: custom(inTime, 'https://*/private/film.mp4??*=high') }) },
    'AccessDenied',
  ],
  ['a policy without resource', { cookie: signedCookie({ policy: custom(inTime, '') }) }, 'open'],
  [
    'a policy without end',
    { cookie: signedCookie({ policy: custom({ DateGreaterThan: until(PAST) }) }) },
    'MalformedPolicy',
  ],
  [
    'a policy with a condition that nobody knows',
    { cookie: signedCookie({ policy: custom({ ...inTime, Moon: { full: true } }) }) },
    'MalformedPolicy',
  ],
  [
    'a policy of two statements',
    { cookie: signedCookie({ policy: `{"Statement":[${custom(inTime)},${custom(inTime)}]}` }) },
    'MalformedPolicy',
  ],
  ['a policy that is no JSON', { cookie: signedCookie({ policy: 'all' }) }, 'MalformedPolicy'],
  [
    'cookies of a canned policy for another file',
    { target: '/private/other', cookie: signedCookie() },
    'AccessDenied',
  ],
  ['a cookie twice', { cookie: `${signedCookie()}; CloudFront-Signature=x` }, 'MalformedCredentials'],
  ['cookies past their end', { cookie: signedCookie({ dateLessThan: PAST }) }, 'AccessDenied'],
];

for (const [name, sent, expected] of CASES)
  test(`signed: ${name}: ${expected}`, async () => {
    const { code, status } = await outcome(sent);
    assert.equal(code, expected);
    assert.equal(status, expected === 'open' ? 0 : 403);
  });

test('signed: keys that are no use are told', () => {
  const spki = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
  assert.equal(typeof readPublicKey(spki(ec.publicKey)), 'object');
  assert.match(String(readPublicKey(KEYS.rsa)), /private key/);
  assert.match(String(readPublicKey('x')), /no public key in PEM/);
  assert.match(
    String(readPublicKey(spki(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey))),
    /P-256/,
  );
  assert.match(
    String(readPublicKey(spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey))),
    /1024 bits/,
  );
  assert.match(
    String(readPublicKey(spki(generateKeyPairSync('ed25519').publicKey))),
    /neither RSA nor ECDSA/,
  );
});
