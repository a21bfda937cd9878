import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COOKIE, cookieWords, setCookieSecrets, setCookieTime } from '../src/answer/cookies.ts';
import { sipHash24 } from '../src/wire/siphash.ts';
import { createWorld, type World } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery, rcodeName } from './helpers/message.ts';

const ZONE = '$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns.other.\na A 192.0.2.1\n';
const SECRET = 'e5e973e5a6b2a43f48e7dc849e37bfcf';
const OTHER_SECRET = 'dd3bdf9344b678b185a6f5cb60fca715';
const CLIENT = '2464c4abcf10c957';
const COOKIE_OPTION = 10;

/** A world with these secrets at this time. */
function worldAt(seconds: number, secrets: readonly string[], insistsOnCookies = false) {
  const words = cookieWords();
  setCookieTime(words, seconds);
  setCookieSecrets(
    words,
    secrets.map((hex) => Buffer.from(hex, 'hex')),
  );
  return { words, world: createWorld([['example.', ZONE]], { cookies: words, insistsOnCookies }) };
}

/** Asks with a cookie; returns the one that comes back, and what was made of the question. */
function ask(world: World, cookie: string, from = '198.51.100.100', transport: 'udp' | 'tcp' = 'udp') {
  const query = encodeQuery({ name: 'a.example.', type: 'A', options: [[COOKIE_OPTION, cookie]] });
  const octets = world.ask(query, { from, transport });
  assert.ok(octets);
  const message = decodeMessage(octets);
  const [, data] = message.options.find(([code]) => code === COOKIE_OPTION) ?? [];
  return {
    cookie: data,
    verdict: world.context.outcome.cookie,
    rcode: rcodeName(message.rcode),
    answers: message.sections[0].length,
  };
}

test('SipHash-2-4 gives the values of its reference implementation', () => {
  const octets = Uint8Array.from({ length: 64 }, (_, i) => i);
  const key = new Int32Array(octets.slice(0, 16).buffer);
  const hash = new Int32Array(2);
  // vectors_sip64 of github.com/veorq/SipHash.
  const expected: readonly [octets: number, hash: string][] = [
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [15, 'e545be4961ca29a1'],
    [63, '724506eb4c328a95'],
  ];
  for (const [length, hex] of expected) {
    const message = new Uint8Array(64);
    message.set(octets.subarray(0, length));
    sipHash24(key, 0, new Int32Array(message.buffer), length, hash);
    assert.equal(Buffer.from(hash.buffer).toString('hex'), hex, `${length} octets`);
  }
});

test('RFC 9018 appendix A: cookies are those of its examples', () => {
  // A.1: learning a new server cookie.
  const { words, world } = worldAt(1_559_731_985, [SECRET]);
  const learnt = ask(world, CLIENT);
  assert.equal(learnt.cookie, `${CLIENT}010000005cf79f111f8130c3eee29480`);
  assert.equal(learnt.verdict, COOKIE.BAD);
  // A.2: the same client 40 minutes later: good, and renewed.
  setCookieTime(words, 1_559_734_385);
  const renewed = ask(world, learnt.cookie as string);
  assert.equal(renewed.cookie, `${CLIENT}010000005cf7a871d4a564a1442aca77`);
  assert.equal(renewed.verdict, COOKIE.GOOD);
  // A.3: a cookie with reserved octets that are not 0 is good as it is hashed; it is renewed in any case.
  // (The example's is 112 minutes old, which §4.3 does not advise to take.)
  const reserved = 'fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5';
  setCookieTime(words, 1_559_727_985 + 3600);
  assert.equal(ask(world, reserved, '203.0.113.203').verdict, COOKIE.GOOD);
  setCookieTime(words, 1_559_734_700);
  const another = ask(world, reserved, '203.0.113.203');
  assert.equal(another.cookie, 'fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e');
  // A.4: IPv6, and the secret was rolled over.
  const rolled = worldAt(1_559_741_961, ['445536bcd2513298075a5d379663c962', OTHER_SECRET]);
  const from = '2001:db8:220:1:59de:d0f4:8769:82b8';
  const next = ask(rolled.world, '22681ab97d52c298010000005cf7c57926556bd0934c72f8', from);
  assert.equal(next.cookie, '22681ab97d52c298010000005cf7c609a6bb79d16625507a');
  assert.equal(next.verdict, COOKIE.GOOD);
});

test('a cookie counts for an hour, for its client and address alone, and comes back while fresh', () => {
  const start = 1_700_000_000;
  const { words, world } = worldAt(start, [SECRET]);
  const { cookie } = ask(world, CLIENT);
  assert.ok(cookie);
  const at = (seconds: number) => {
    setCookieTime(words, start + seconds);
    return ask(world, cookie);
  };
  assert.deepEqual([at(1799).cookie === cookie, at(1799).verdict], [true, COOKIE.GOOD]);
  assert.deepEqual([at(1800).cookie === cookie, at(1800).verdict], [false, COOKIE.GOOD]);
  assert.equal(at(3600).verdict, COOKIE.GOOD);
  assert.equal(at(3601).verdict, COOKIE.BAD);
  // Clocks of servers behind one address differ.
  assert.equal(at(-300).verdict, COOKIE.GOOD);
  assert.equal(at(-301).verdict, COOKIE.BAD);
  assert.equal(at(0).verdict, COOKIE.GOOD);
  assert.equal(ask(world, cookie, '198.51.100.101').verdict, COOKIE.BAD);
  assert.equal(ask(world, cookie.replace(/^../, '25')).verdict, COOKIE.BAD);
  for (let nibble = 16; nibble < cookie.length; nibble++) {
    const flipped = (Number.parseInt(cookie[nibble] as string, 16) ^ 1).toString(16);
    const forged: string = cookie.slice(0, nibble) + flipped + cookie.slice(nibble + 1);
    assert.equal(ask(world, forged).verdict, COOKIE.BAD, forged);
  }
  // A server's part of another length is not ours, but may be another's.
  for (const octets of [8, 15, 17, 32]) {
    const foreign = ask(world, CLIENT + '01'.repeat(octets));
    assert.deepEqual([foreign.verdict, foreign.rcode], [COOKIE.BAD, 'NOERROR']);
  }
});

test('secrets roll over without a client noticing', () => {
  const start = 1_700_000_000;
  const secrets = (...hex: string[]) => hex.map((one) => Buffer.from(one, 'hex'));
  const [old, next] = [SECRET, OTHER_SECRET];
  const one = worldAt(start, [old]);
  const other = worldAt(start, [old]);
  let { cookie } = ask(one.world, CLIENT);
  const everyStep = [[old, next], [next, old], [next]];
  for (const step of everyStep) {
    // One server after the other takes the step; the client asks both at every moment.
    for (const { words } of [one, other]) {
      setCookieSecrets(words, secrets(...step));
      for (const { world } of [one, other]) {
        const reply = ask(world, cookie as string);
        assert.equal(reply.verdict, COOKIE.GOOD, step.join());
        cookie = reply.cookie;
      }
    }
  }
  assert.equal(ask(one.world, cookie as string).verdict, COOKIE.GOOD);
});

test('who insists gives BADCOOKIE and a good cookie over UDP, and answers over TCP', () => {
  const { world } = worldAt(1_700_000_000, [SECRET], true);
  const first = ask(world, CLIENT);
  assert.deepEqual([first.rcode, first.answers], ['BADCOOKIE', 0]);
  const second = ask(world, first.cookie as string);
  assert.deepEqual([second.rcode, second.answers], ['NOERROR', 1]);
  assert.equal(ask(world, CLIENT, '198.51.100.100', 'tcp').rcode, 'NOERROR');
  const bare = world.ask(encodeQuery({ name: 'a.example.', type: 'A', edns: 1232 }));
  assert.ok(bare);
  assert.equal(decodeMessage(bare).sections[0].length, 1);
  assert.equal(world.context.outcome.cookie, COOKIE.NONE);
});

test('without secrets cookies are off: none comes back', () => {
  const world = createWorld([['example.', ZONE]], { insistsOnCookies: true });
  const reply = ask(world, CLIENT);
  assert.deepEqual(reply, { cookie: undefined, verdict: COOKIE.NONE, rcode: 'NOERROR', answers: 1 });
});
