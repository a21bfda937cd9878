import assert from 'node:assert/strict';
import { constants, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { buildClient, CommitmentPolicy, RawRsaKeyringNode } from '@aws-crypto/client-node';
import { encryptForm, type Profile } from '../src/pop/fle/form.ts';
import { encryptMessage } from '../src/pop/fle/message.ts';
import { type FieldEncryption, fieldEncryptionStage } from '../src/pop/fle/stage.ts';
import { popContext, popRequest, textOf } from './helpers/pop-request.ts';

/** Field-level encryption: the AWS Encryption SDK decrypts what a POP encrypts. */

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PROFILE: Profile = {
  name: 'cards',
  provider: 'shop',
  keyName: 'key-1',
  publicKey,
  fields: ['card*', 'cvv'],
};

/** Decrypts with the SDK, as the application behind the origin does. */
async function decrypted(message: Buffer, policy = CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT) {
  const keyring = new RawRsaKeyringNode({
    keyName: 'key-1',
    keyNamespace: 'shop',
    rsaKey: { privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: 'sha256',
  });
  const { plaintext } = await buildClient(policy).decrypt(keyring, message);
  return plaintext;
}

test('FLE: the SDK decrypts messages of any length, under each of its commitment policies', async () => {
  for (const policy of Object.values(CommitmentPolicy))
    for (const length of [0, 1, 19, 4096, 16_384]) {
      const plaintext = randomBytes(length);
      const message = encryptMessage(plaintext, PROFILE, randomBytes);
      assert.deepEqual(await decrypted(message, policy), plaintext, `${policy}, ${length} octets`);
    }
});

test('FLE: a message that was changed anywhere is refused by the SDK', async () => {
  const message = encryptMessage(Buffer.from('4111 1111 1111 1111'), PROFILE, randomBytes);
  for (let at = 0; at < message.length; at += 37) {
    const changed = Buffer.from(message);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await assert.rejects(decrypted(changed), `octet ${at}`);
  }
});

test('FLE: fields are found by name and by pattern; all else stays to the octet', async () => {
  const form = 'name=J%C3%BCrgen&cardNumber=4111+1111%2F1&cvv=123&card&xcvv=9&empty=&&cvv=';
  const outcome = encryptForm(Buffer.from(form), PROFILE, randomBytes);
  assert.ok(outcome.status === 'Processed');
  assert.equal(outcome.encrypted, 3);
  const text = outcome.body.toString('latin1');
  assert.match(text, /^name=J%C3%BCrgen&cardNumber=[^&]+&cvv=[^&]+&card&xcvv=9&empty=&&cvv=[^&]+$/);
  const values = new URLSearchParams(text);
  assert.equal(
    (await decrypted(Buffer.from(values.get('cardNumber') ?? '', 'base64'))).toString(),
    '4111 1111/1',
  );
  assert.equal((await decrypted(Buffer.from(values.get('cvv') ?? '', 'base64'))).toString(), '123');
});

const ENCRYPTION: FieldEncryption = {
  profile: PROFILE,
  queryProfiles: new Map([['other', { ...PROFILE, fields: ['pin'] }]]),
  forwardUnknownProfile: false,
  forwardUnknownType: false,
};

interface Sent {
  readonly text: string;
  readonly target?: string;
  readonly type?: string;
  readonly encoding?: string;
}

async function sent(what: Sent, encryption: Partial<FieldEncryption> = {}) {
  const { text, target = '/pay', type = 'application/x-www-form-urlencoded; charset=utf-8', encoding } = what;
  const request = popRequest({
    method: 'POST',
    target,
    text,
    headers: [
      ['content-type', type],
      ['content-length', String(text.length)],
      ...(encoding === undefined ? [] : [['content-encoding', encoding] as const]),
    ],
  });
  const context = popContext(0);
  const response = await fieldEncryptionStage({ ...ENCRYPTION, ...encryption }).run(request, context);
  const body = response === undefined ? await textOf(request.body) : '';
  const length = request.headers.find(([name]) => name === 'content-length')?.[1];
  return { status: response?.status, fle: context.logFields.get('fle-status'), body, length };
}

test('FLE: the stage encrypts a form, and its length is told anew', async () => {
  const { status, fle, body, length } = await sent({ text: 'a=1&cvv=123' });
  assert.deepEqual([status, fle], [undefined, 'Processed']);
  assert.equal(length, String(body.length));
  const value = new URLSearchParams(body).get('cvv') ?? '';
  assert.equal((await decrypted(Buffer.from(value, 'base64'))).toString(), '123');
  assert.ok(!body.includes('cvv=123'));
});

test('FLE: a query argument names the profile', async () => {
  const { body } = await sent({ text: 'cvv=1&pin=2', target: '/pay?fle-profile=other' });
  assert.match(body, /^cvv=1&pin=[^&]{100,}$/);
  assert.equal((await sent({ text: 'cvv=1', target: '/?fle-profile=none' })).fle, 'RejectedByQueryArgs');
  const forwarded = await sent({ text: 'cvv=1', target: '/?fle-profile=x' }, { forwardUnknownProfile: true });
  assert.equal(forwarded.fle, 'Processed', 'by the default profile');
});

test('FLE: what cannot be encrypted goes no further', async () => {
  const form = (pair: (i: number) => string, count: number): string =>
    Array.from({ length: count }, (_, i) => pair(i)).join('&');
  const rows: readonly (readonly [Sent, number, string])[] = [
    [{ text: 'cvv=%4' }, 400, 'MalformedInputClientError'],
    [{ text: '%zz=1' }, 400, 'MalformedInputClientError'],
    [{ text: `cvv=${'1'.repeat(16_385)}` }, 413, 'FieldLengthLimitClientError'],
    [{ text: form((i) => `card${i}=1`, 11) }, 413, 'FieldNumberLimitClientError'],
    [{ text: `x=${'1'.repeat(1_048_576)}` }, 413, 'RequestLengthLimitClientError'],
    [{ text: '{"cvv":1}', type: 'application/json' }, 400, 'RejectedByContentType'],
    [{ text: 'cvv=1', encoding: 'gzip' }, 415, 'MalformedContentTypeClientError'],
  ];
  for (const [what, status, fle] of rows) {
    const outcome = await sent(what);
    assert.deepEqual([outcome.status, outcome.fle], [status, fle]);
  }
});

test('FLE: what is no form passes where the configuration says so', async () => {
  const json = { text: '{"cvv":1}', type: 'application/json' };
  const passed = await sent(json, { forwardUnknownType: true });
  assert.deepEqual(
    [passed.status, passed.fle, passed.body],
    [undefined, 'ForwardedByContentType', '{"cvv":1}'],
  );
  const none = await sent({ text: 'cvv=1' }, { profile: undefined });
  assert.deepEqual([none.fle, none.body], ['ForwardedDueToNoProfile', 'cvv=1']);
});
