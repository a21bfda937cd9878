import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lowerOctet } from '../src/wire/name.ts';
import { emptyNameView, octetsBefore, readWireName, suffixIs } from '../src/wire/name-view.ts';
import { emptyQueryView, HEADER_SIZE, QUERY, readQuery } from '../src/wire/query.ts';
import { encodeQuery } from './helpers/message.ts';

const viewOf = (octets: Uint8Array): DataView =>
  new DataView(octets.buffer, octets.byteOffset, octets.length);

test('the name is laid out by words, in lower case, each label from a new word on', () => {
  const view = emptyQueryView();
  const query = encodeQuery({ name: 'WwW.ExAmple[.', type: 'AAAA' });
  assert.equal(readQuery(view, viewOf(query), query.length), QUERY.OK);
  const { qname } = view;
  const octets = Buffer.from(qname.words.buffer, 0, qname.wordCount * 4).toString('latin1');
  assert.equal(octets, '\x03www\x08example[\0\0\0');
  assert.deepEqual([...qname.starts.subarray(0, qname.labels + 1)], [0, 1, 4]);
  assert.equal(qname.length, 14);
  assert.equal(view.questionEnd, query.length);
});

test('case does not count, but only that of ASCII letters', () => {
  const view = emptyNameView();
  const hashOf = (name: Uint8Array): number => {
    assert.equal(readWireName(view, name, 0), name.length);
    return view.hashes[0] as number;
  };
  const name = (octet: number): Uint8Array => Uint8Array.of(2, octet, octet, 0);
  for (let octet = 0; octet < 256; octet++)
    for (let other = 0; other < 256; other++) {
      const same = lowerOctet(octet) === lowerOctet(other);
      assert.equal(hashOf(name(octet)) === hashOf(name(other)), same, `${octet} ${other}`);
    }
});

test('names of every length are read up to 255 octets, and equal suffixes have equal hashes', () => {
  const labels = fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 130 });
  const own = emptyNameView();
  const parent = emptyNameView();
  fc.assert(
    fc.property(labels, (list) => {
      const name = Uint8Array.from([...list.flatMap((label) => [label.length, ...label]), 0]);
      const end = readWireName(own, name, 0);
      if (name.length > 255) return assert.equal(end, -1);
      assert.equal(end, name.length);
      assert.equal(own.labels, list.length);
      for (let label = 0; label <= list.length; label++) {
        const at = octetsBefore(own, label);
        assert.equal(readWireName(parent, name, at), name.length);
        assert.equal(parent.hashes[0], own.hashes[label]);
        assert.ok(suffixIs(own, label, parent.words, 0, parent.wordCount));
      }
    }),
    { seed: 2, numRuns: 300 },
  );
});

test('octets beyond the length given are not looked at', () => {
  const view = emptyQueryView();
  const query = encodeQuery({ name: 'a.example.', type: 'A', edns: 1232 });
  const padded = new Uint8Array(1500).fill(0xff);
  padded.set(query);
  assert.equal(readQuery(view, viewOf(padded), query.length), QUERY.OK);
  for (let length = 0; length < query.length; length++)
    assert.notEqual(readQuery(view, viewOf(padded), length), QUERY.OK, `${length} octets`);
});

test('reading never throws, and nothing of one query is left in the next', () => {
  const used = emptyQueryView();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const fresh = emptyQueryView();
      const status = readQuery(used, viewOf(octets), octets.length);
      assert.equal(readQuery(fresh, viewOf(octets), octets.length), status);
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
