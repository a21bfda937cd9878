import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { emptyQueryView, HEADER_SIZE, QUERY, readQuery } from '../src/wire/query.ts';
import { createWorld } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery, rcodeName } from './helpers/message.ts';

/** test/vectors/query.json: octets that arrive, what is answered, and why. */
interface Vector {
  readonly why: string;
  /** Hex. */
  readonly query: string;
  readonly silence?: boolean;
  readonly rcode?: string;
  /** Whether the question comes back. */
  readonly question?: boolean;
  /** Whether the response has OPT, with DO, and with which client subnet: `family/source/scope/octets`. */
  readonly opt?: boolean;
  readonly do?: boolean;
  readonly ecs?: string;
}

const vectors = JSON.parse(readFileSync(new URL('vectors/query.json', import.meta.url), 'utf8')) as Vector[];
const zone = '$TTL 60\n@ SOA ns host 1 1 1 1 1\n@ NS ns.other.\na A 192.0.2.1\nsteer STEER web\n';
const world = createWorld([['example.', zone]]);

for (const vector of vectors)
  test(`octets: ${vector.why}`, () => {
    const query = Uint8Array.from(Buffer.from(vector.query, 'hex'));
    const response = world.ask(query);
    assert.equal(response === undefined, vector.silence === true);
    if (response === undefined) return;
    const message = decodeMessage(response);
    assert.equal(rcodeName(message.rcode), vector.rcode);
    assert.equal(message.question !== undefined, vector.question);
    assert.deepEqual(
      message.edns,
      vector.opt ? { size: 1232, version: 0, do: vector.do === true } : undefined,
    );
    const { ecs } = message;
    assert.equal(ecs && `${ecs.family}/${ecs.source}/${ecs.scope}/${ecs.octets}`, vector.ecs);
    assert.equal(message.id, (query[0] as number) * 256 + (query[1] as number));
    assert.equal(message.opcode, ((query[2] as number) >> 3) & 15);
    assert.match(message.flags, /^(?:aa ?)?(?:rd)?$/, 'no RA, Z, AD, CD or TC');
  });

test('the name is kept as spelt and indexed in lower case', () => {
  const view = emptyQueryView();
  const query = encodeQuery({ name: 'WwW.ExAmple.', type: 'AAAA' });
  assert.equal(readQuery(view, query, query.length), QUERY.OK);
  const { qname } = view;
  assert.equal(
    Buffer.from(qname.octets.subarray(0, qname.length)).toString('latin1'),
    '\x03WwW\x07ExAmple\0',
  );
  assert.equal(Buffer.from(qname.lower.subarray(0, qname.length)).toString('latin1'), '\x03www\x07example\0');
  assert.deepEqual([...qname.starts.subarray(0, qname.labels + 1)], [0, 4, 12]);
  assert.equal(view.questionEnd, query.length);
});

test('octets beyond the length given are not looked at', () => {
  const view = emptyQueryView();
  const query = encodeQuery({ name: 'a.example.', type: 'A', edns: 1232 });
  const padded = new Uint8Array(1500).fill(0xff);
  padded.set(query);
  assert.equal(readQuery(view, padded, query.length), QUERY.OK);
  for (let length = 0; length < query.length; length++)
    assert.notEqual(readQuery(view, padded, length), QUERY.OK, `${length} octets`);
});

test('reading never throws, and nothing of one query is left in the next', () => {
  const used = emptyQueryView();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const fresh = emptyQueryView();
      const status = readQuery(used, octets, octets.length);
      assert.equal(readQuery(fresh, octets, octets.length), status);
      if (status !== QUERY.OK) return;
      assert.ok(used.questionEnd > HEADER_SIZE && used.questionEnd <= octets.length);
      assert.deepEqual(
        [used.qtype, used.qclass, used.edns.present],
        [fresh.qtype, fresh.qclass, fresh.edns.present],
      );
    }),
    { seed: 1, numRuns: 5000 },
  );
});
