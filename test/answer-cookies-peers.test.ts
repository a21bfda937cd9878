import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COOKIE, cookieWords, setCookieSecrets, setCookieTime } from '../src/answer/cookies.ts';
import { missingPeers } from './differential/compare.ts';
import { startBind, startKnot, startNsd } from './differential/peers.ts';
import { createWorld } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery } from './helpers/message.ts';

/** Servers of several makes behind one address, with one secret, take each other's cookies (RFC 9018). */

const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
const CLIENT = '2464c4abcf10c957';
const PORT = 5440;
const ZONE = '$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns\nns A 192.0.2.1\n';

const missing = missingPeers();
const skip = missing.length > 0 ? `not installed: ${missing.join(', ')} (Debian: nsd, knot, bind9)` : false;

test('NSD, Knot and BIND take our cookies, and we take theirs', { skip }, async () => {
  const zones = { 'cookie.example': ZONE };
  const words = cookieWords();
  setCookieTime(words, Math.floor(Date.now() / 1000));
  setCookieSecrets(words, [Buffer.from(SECRET, 'hex')]);
  const world = createWorld([['cookie.example.', ZONE]], { cookies: words });
  const ours = (cookie: string): string => {
    const reply = world.ask(query(cookie), { from: '127.0.0.1' });
    assert.ok(reply);
    return cookieOf(reply);
  };
  const peers = await Promise.all([
    startNsd(PORT, zones, ['  answer-cookie: yes', `  cookie-secret: "${SECRET}"`]),
    startKnot(PORT + 1, zones, ['mod-cookies:', '- id: default', `  secret: 0x${SECRET}`]),
    startBind(PORT + 2, zones, ['answer-cookie yes;', `cookie-secret "${SECRET}";`]),
  ]);
  try {
    const made = ours(CLIENT);
    for (const { name, ask } of peers) {
      const theirs = cookieOf(await ask(query(CLIENT)));
      assert.equal(theirs.length, 48, name);
      ours(theirs);
      assert.equal(world.context.outcome.cookie, COOKIE.GOOD, `a cookie of ${name}: ${theirs}`);
      // Who gives a cookie back as it is, or makes the same at the same time, has found it good; a bad one is
      // told by its rcode from Knot, and by another hash from the rest.
      const reply = await ask(query(made));
      assert.equal(decodeMessage(reply).rcode, 0, name);
      assert.equal(cookieOf(reply).slice(0, 24), made.slice(0, 24), name);
      ours(cookieOf(reply));
      assert.equal(world.context.outcome.cookie, COOKIE.GOOD, name);
    }
  } finally {
    await Promise.all(peers.map((peer) => peer.stop()));
  }
});

function query(cookie: string): Uint8Array {
  return encodeQuery({ name: 'cookie.example.', type: 'SOA', options: [[10, cookie]] });
}

function cookieOf(reply: Uint8Array): string {
  const [, data = ''] = decodeMessage(reply).options.find(([code]) => code === 10) ?? [];
  return data;
}
