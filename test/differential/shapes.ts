import type { Random } from '../../src/base/random.ts';
import { generalRecords, otherRecords, pick } from './generate.ts';
import { dnameLines, mixedLines, typeLines, wildLines } from './shape-records.ts';

/** A zone of one shape: records relative to its origin. */
export interface Shape {
  readonly origin: string;
  readonly lines: readonly string[];
}

const APEX = ['@ SOA ns1 hostmaster 2026010101 7200 1800 1209600 300', '@ NS ns1', 'ns1 A 192.0.2.53'];
const GENERAL_ZONES = 10;
const TLD_CHILDREN = 300;

/** Thirty zones that lead into each other: what RFCs speak of, each at length in a zone of its own. */
export function thirtyZones(random: Random): Shape[] {
  const general = Array.from({ length: GENERAL_ZONES }, (_, i) => ({
    origin: `general${i}.example`,
    lines: generalRecords(random),
  }));
  return [
    ...general,
    { origin: 'other.example', lines: otherRecords },
    ...families,
    { origin: '2.0.192.in-addr.arpa', lines: [...APEX, ...reverseLines()] },
    { origin: '8.b.d.0.1.0.0.2.ip6.arpa', lines: [...APEX, ...nibbleLines(random)] },
    { origin: 'octets.example', lines: [...APEX, ...octetLines()] },
    { origin: 'long.example', lines: [...APEX, ...longLines()] },
    { origin: 'wild.example', lines: [...APEX, ...wildLines] },
    { origin: 'dname.example', lines: [...APEX, ...dnameLines] },
    {
      origin: 'moved.example',
      lines: [...APEX.slice(0, 1), '@ NS ns1.other.example.', '@ DNAME dname.example.'],
    },
    { origin: 'cuts.example', lines: [...APEX, ...cutLines()] },
    { origin: 'tld', lines: [...APEX, ...tldLines(random)] },
    { origin: 'types.example', lines: [...APEX, ...typeLines] },
    { origin: 'empty.example', lines: ['@ SOA ns host 1 1 1 1 60', '@ NS ns.elsewhere.'] },
    { origin: 'big.example', lines: [...APEX, ...bigLines()] },
    { origin: 'chains.example', lines: [...APEX, ...chainLines('links.example')] },
    { origin: 'links.example', lines: [...APEX, ...chainLines('chains.example')] },
    { origin: 'MiXeD.eXaMpLe', lines: [...APEX, ...mixedLines] },
    { origin: 'apexwild.example', lines: [...APEX, '* A 192.0.2.1', '* MX 10 mail', 'a.b A 192.0.2.2'] },
  ];
}

/** A parent, a child and a grandchild, all on the same server: who answers what at the cuts between them. */
const families: readonly Shape[] = [
  {
    origin: 'parent.example',
    lines: [
      ...APEX,
      'child NS ns1.child',
      'child DS 60485 13 2 d4b7d520e7bb5f0f67674a0cceb1e3e0614b93c4f9e99b8383f6a1e4469da50a',
      'ns1.child A 192.0.2.60',
      'hidden.child TXT "occluded by the cut"',
      'unloaded NS ns1.child',
      'into CNAME www.child',
      'below.unloaded TXT "occluded"',
      'past DNAME child',
    ],
  },
  {
    origin: 'child.parent.example',
    lines: [
      ...APEX,
      'www A 192.0.2.61',
      'kid NS ns1.kid',
      'ns1.kid A 192.0.2.62',
      'up CNAME into.parent.example.',
    ],
  },
  { origin: 'kid.child.parent.example', lines: [...APEX, 'www AAAA 2001:db8::61', '*.w TXT "wild"'] },
];

/** Classless delegation as RFC 2317 has it. */
function reverseLines(): string[] {
  const own = Array.from({ length: 30 }, (_, i) => `${i + 1} PTR host${i + 1}.other.example.`);
  const aliases = Array.from({ length: 30 }, (_, i) => `${i + 65} CNAME ${i + 65}.64/26`);
  return [
    ...own,
    '64/26 NS ns.elsewhere.',
    '64/26 NS ns1',
    ...aliases,
    '128-191 NS ns.128-191',
    'ns.128-191 A 192.0.2.129',
  ];
}

/** Names of 32 labels, with nothing at those between. */
function nibbleLines(random: Random): string[] {
  const nibbles = () =>
    Array.from({ length: 24 }, () => Math.floor(random.next() * (random.next() < 0.7 ? 2 : 16)).toString(16));
  return Array.from({ length: 40 }, (_, i) => `${nibbles().join('.')} PTR h${i}.other.example.`);
}

/** Labels of any octets (RFC 2181 §11); letters differ by case alone, other octets do not. */
function octetLines(): string[] {
  const octets = [0, 1, 9, 10, 32, 34, 36, 40, 46, 59, 64, 91, 92, 96, 123, 127, 128, 193, 225, 255];
  const escaped = (octet: number) => `\\${String(octet).padStart(3, '0')}`;
  return [
    ...octets.map((octet) => `${escaped(octet)} A 192.0.2.${octet}`),
    ...octets.map((octet) => `a${escaped(octet)}b.deep TXT "${octet}"`),
    `dotted${escaped(46)}label CNAME ${escaped(46)}`,
    `only${escaped(42)}wild A 192.0.2.7`,
    `*.${escaped(0)}under A 192.0.2.8`,
  ];
}

/** Labels of 63 octets, names of 255, names of 127 labels. */
function longLines(): string[] {
  const label = (letter: string, length = 63) => letter.repeat(length);
  const many = (count: number) => Array.from({ length: count }, () => 'x').join('.');
  return [
    `${label('a')} A 192.0.2.1`,
    `${label('a')}.${label('b')}.${label('c')} A 192.0.2.2`,
    `${label('a', 48)}.${label('b')}.${label('c')}.${label('d')} TXT "255 octets"`,
    `*.${label('e')}.${label('f')} TXT "wild"`,
    `${many(120)} A 192.0.2.3`,
    `${many(60)} TXT "half way"`,
    `to CNAME ${label('a', 48)}.${label('b')}.${label('c')}.${label('d')}`,
    `grow DNAME ${label('g')}.${label('h')}.${label('i')}`,
    `${label('k', 20)}.${label('g')}.${label('h')}.${label('i')} A 192.0.2.4`,
  ];
}

/** Delegations below names that do not exist, above each other, with glue of every kind. */
function cutLines(): string[] {
  return [
    ...['a', 'a.b', 'a.b.c', 'a.b.c.d.e.f'].flatMap((name, i) => [
      `${name}.x NS ns.${name}.x`,
      `ns.${name}.x A 192.0.2.${i + 1}`,
      `ns.${name}.x AAAA 2001:db8::${i + 1}`,
    ]),
    'up NS ns.inner.up',
    'ns.inner.up A 192.0.2.20',
    'inner.up NS ns.inner.up',
    'side NS ns.a.x',
    'side NS ns.up',
    'ns.up A 192.0.2.21',
    'self NS self',
    'self AAAA 2001:db8::22',
    'none NS ns.none.elsewhere.',
    'wildglue NS any.wildhosts',
    '*.wildhosts A 192.0.2.23',
    'alias NS cname',
    'cname CNAME ns1',
    'hosts A 192.0.2.24',
    'hosts AAAA 2001:db8::24',
    'many NS hosts',
    'many NS ns1',
    'many NS ns.many',
    'ns.many A 192.0.2.25',
    'secure NS ns1',
    'secure DS 1 13 2 0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f',
    'mail MX 10 host.many',
    'mail MX 20 ns.many',
    'mail MX 30 hosts',
  ];
}

function tldLines(random: Random): string[] {
  const letter = () => String.fromCharCode(97 + Math.floor(random.next() * 26));
  const lines: string[] = [];
  const seen = new Set(['ns1']);
  while (seen.size <= TLD_CHILDREN) {
    const name = `${letter()}${letter()}${letter()}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const inside = random.next() < 0.5;
    lines.push(
      `${name} NS ${inside ? `ns.${name}` : pick(random, ['ns1', 'ns.elsewhere.', 'ns.other.example.'])}`,
    );
    if (inside) lines.push(`ns.${name} A 192.0.2.${1 + Math.floor(random.next() * 254)}`);
    if (random.next() < 0.4) lines.push(`${name} DS ${lines.length} 13 2 ${'a5'.repeat(32)}`);
  }
  return lines;
}

function bigLines(): string[] {
  const many = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i));
  return [
    ...many(100, (i) => `a A 198.51.100.${i + 1}`),
    ...many(60, (i) => `aaaa AAAA 2001:db8::${i + 1}`),
    ...many(30, (i) => `txt TXT "${String(i).padStart(3, '0')}${'.'.repeat(100)}"`),
    `one TXT ${many(8, () => `"${'x'.repeat(255)}"`).join(' ')}`,
    ...many(40, (i) => `mx MX ${i} mx${i}`),
    ...many(40, (i) => `mx${i} A 203.0.113.${i + 1}`),
    ...many(40, (i) => `srv SRV ${i} 1 80 mx${i}`),
    ...many(20, (i) => `cut NS ns${i}.cut`),
    ...many(20, (i) => `ns${i}.cut A 192.0.2.${i + 1}`),
    ...many(20, (i) => `ns${i}.cut AAAA 2001:db8:2::${i + 1}`),
    ...many(30, (i) => `elsewhere NS ns${i}.elsewhere.`),
    'to CNAME txt',
    'tocut CNAME www.cut',
    ...many(12, (i) => `c${i} CNAME c${i + 1}`),
    'c12 CNAME a',
  ];
}

/** Aliases that lead back and forth between two zones, some for ever. */
function chainLines(other: string): string[] {
  return [
    ...Array.from({ length: 10 }, (_, i) => `step${i} CNAME step${i + 1}.${other}.`),
    'step10 A 192.0.2.1',
    `loop CNAME loop.${other}.`,
    `dead CNAME nothing.${other}.`,
    `nodata CNAME step10.${other}.`,
    '*.wild CNAME step8',
    `*.jump CNAME x.jump.${other}.`,
    `tree DNAME ${other}.`,
    `self CNAME self.${other}.`,
    'self.sub CNAME self',
  ];
}
