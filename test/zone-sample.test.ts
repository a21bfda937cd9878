import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatName } from '../src/wire/name.ts';
import { openZoneImage } from '../src/zone/image.ts';
import { sampleNames } from '../src/zone/sample.ts';
import { compileZones } from './helpers/zones.ts';

const HEAD = '@ 60 SOA ns host 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\n';

function sampled(...zones: [string, string][]): string[] {
  const image = openZoneImage(compileZones(zones, ['web']), { services: ['web'] });
  assert.ok(typeof image !== 'string', String(image));
  return sampleNames(image)
    .map(({ name, steered }) => `${formatName(name)}${steered ? ' STEER' : ''}`)
    .toSorted();
}

test('names of several zones, as they are asked for, and which are steered', () => {
  const first: [string, string] = ['cdn.example.', `${HEAD}WwW 60 STEER web\n*.Deep.er 60 A 192.0.2.2\n`];
  const second: [string, string] = ['other.example.', `${HEAD}a\\.b.${'x'.repeat(63)} 60 A 192.0.2.3\n`];
  assert.deepEqual(sampled(first, second), [
    '*.deep.er.cdn.example.',
    `a\\.b.${'x'.repeat(63)}.other.example.`,
    'cdn.example.',
    'deep.er.cdn.example.',
    'er.cdn.example.',
    'ns.cdn.example.',
    'ns.other.example.',
    'other.example.',
    'www.cdn.example. STEER',
    `${'x'.repeat(63)}.other.example.`,
  ]);
});

test('of many names and zones it looks at a bounded number; the root has a name too', () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `n${i} 60 A 192.0.2.9\n`).join('');
  const zones = Array.from({ length: 40 }, (_, i): [string, string] => [`z${i}.example.`, HEAD + names]);
  const found = sampled(...zones);
  assert.equal(new Set(found).size, found.length);
  assert.equal(found.length, 16 * 64);
  assert.ok(sampled(['.', HEAD]).includes('.'));
});
