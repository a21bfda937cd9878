import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Transport } from '../src/answer/context.ts';
import { OPTION } from '../src/wire/constants.ts';
import { decodeMessage, type Message, rcodeName } from './helpers/message.ts';
import { createPacketWorld, type PacketWorldName } from './helpers/packet-world.ts';

/**
 * test/vectors/packets: octets that arrive, and what answers them, by RFC. A reply is compared whole: what a
 * vector does not name must not be there.
 */
interface Vector {
  /** What demands or allows this reply: `RFC 6891 §6.1.1`. */
  readonly rfc: string;
  readonly why: string;
  /** Hexadecimal digits. */
  readonly query: string;
  /** Absent: `plain`. */
  readonly world?: PacketWorldName;
  /** Absent: 0.0.0.1, over UDP. */
  readonly from?: string;
  readonly via?: Transport;
  /** Absent: silence. */
  readonly reply?: Reply;
}

interface Reply {
  readonly rcode: string;
  /** Flags that are set; absent: none. */
  readonly flags?: string;
  /** Absent: the question does not come back. */
  readonly question?: string;
  readonly answer?: readonly string[];
  readonly authority?: readonly string[];
  readonly additional?: readonly string[];
  /**
   * Absent: no OPT. Its size is 1232, its version 0. By name: `do`, `ecs` (family/source/scope/octets), and
   * options in hexadecimal digits.
   */
  readonly opt?: Readonly<Record<string, string | boolean>>;
}

const folder = new URL('vectors/packets/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const worlds = {
  plain: createPacketWorld('plain'),
  telling: createPacketWorld('telling'),
  insisting: createPacketWorld('insisting'),
};
const optionNames = new Map<number, string>(
  Object.entries(OPTION).map(([name, code]) => [code, name.toLowerCase()]),
);
let count = 0;

for (const file of files.sort())
  for (const vector of JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Vector[]) {
    count++;
    const { rfc, why, query, world = 'plain', from = '0.0.0.1', via = 'udp', reply } = vector;
    test(`${file}: ${rfc}: ${why}`, () => {
      const octets = Uint8Array.from(Buffer.from(query, 'hex'));
      const response = worlds[world].ask(octets, { from, transport: via });
      if (response === undefined) return assert.equal(reply, undefined, 'silence');
      const message = decodeMessage(response);
      assert.deepEqual(replyOf(message), reply);
      assert.equal(message.id, (octets[0] as number) * 256 + (octets[1] as number));
      assert.equal(message.opcode, ((octets[2] as number) >> 3) & 15);
    });
  }

test('there are at least 120 of them, each of another query', () => {
  assert.ok(count >= 120, `${count} vectors`);
  const all = files.flatMap((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Vector[]);
  for (const { rfc } of all) assert.match(rfc, /^RFC \d+ (§[\d.]+|appendix [A-Z][.\d]*)$/);
  const keys = all.map(({ query, world, from, via }) => [query, world, from, via].join());
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
  );
});

/** A message as vectors write it. */
function replyOf(message: Message): Reply {
  const { flags, question, sections, edns, ecs, options } = message;
  const [answer, authority, additional] = sections;
  if (edns !== undefined) assert.deepEqual([edns.size, edns.version], [1232, 0]);
  return {
    rcode: rcodeName(message.rcode),
    ...(flags === '' ? {} : { flags }),
    ...(question === undefined ? {} : { question }),
    ...(answer.length === 0 ? {} : { answer }),
    ...(authority.length === 0 ? {} : { authority }),
    ...(additional.length === 0 ? {} : { additional }),
    ...(edns === undefined
      ? {}
      : {
          opt: {
            ...(edns.do ? { do: true } : {}),
            ...(ecs === undefined ? {} : { ecs: `${ecs.family}/${ecs.source}/${ecs.scope}/${ecs.octets}` }),
            ...Object.fromEntries(
              options.map(([code, data]) => [optionNames.get(code) ?? String(code), data]),
            ),
          },
        }),
  };
}
