import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { formatProblem, OperatorError } from '../src/base/errors.ts';
import { type Config, inspectConfig, loadConfig } from '../src/config/config.ts';
import { joinPath } from '../src/config/paths.ts';
import { referencePage, schemaFile } from '../src/config/reference.ts';
import { formatEndpoint, parseEndpoint } from '../src/config/scalars.ts';
import { steeringParams } from './helpers/steering-params.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readFile = (path: string): string => readFileSync(joinPath(root, path), 'utf8');
const noFile = (path: string): never => {
  throw new Error(`no file ${path}`);
};
const load = (text: string, read: (path: string) => string = noFile): Config =>
  loadConfig({ text, file: 'a/b.yaml', read });

function problemsOf(text: string, read?: (path: string) => string): string[] {
  try {
    load(text, read);
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.code, 'bad-config');
    return error.problems.map(formatProblem);
  }
  return [];
}

const ZONES = 'zones: [{origin: e.example, file: z/e.zone}]\n';
const pop = (code: string, ipv4: string): string =>
  `{code: ${code}, city: C, country: DE, region: r, latitude: 1, longitude: 2, capacityRps: 3, ` +
  `links: [{transit: t, capacityMbps: 1, ipv4: ${ipv4}}]}`;
const POPS = `pops:\n  - ${pop('AAA', '192.0.2.1')}\n  - ${pop('BBB', '192.0.2.2')}\n`;

test('the least that is allowed gets every default, and paths from the folder of the file', () => {
  const config = load(ZONES + POPS);
  assert.deepEqual(config.listen, {
    dns: [{ host: '127.0.0.1', port: 5300 }],
    dot: [],
    doh: [],
    proxy: undefined,
    admin: { host: '127.0.0.1', port: 5380 },
    ingest: 'off',
  });
  assert.equal(config.zones[0]?.file, 'a/z/e.zone');
  assert.deepEqual(config.zones[0]?.place, { line: 1, column: 35 });
  assert.equal(config.state, 'a/state');
  assert.equal(config.store, 'memory');
  assert.deepEqual(config.steering, steeringParams());
  assert.deepEqual(
    config.fleet.links.map(({ id, index, popIndex }) => [id, index, popIndex]),
    [
      ['AAA-a', 0, 0],
      ['BBB-a', 1, 1],
    ],
  );
});

test('a folder of zones: each NAME.zone is a zone, beside those named one by one', () => {
  const folders: Record<string, string[]> = {
    'a/z': ['b.example.zone', 'a.example.zone', 'notes.txt', '.hidden.zone'],
    'a/empty': ['readme'],
    'a/bad': ['two words.zone', 'E.EXAMPLE.zone'],
  };
  const list = (path: string): string[] => {
    const names = folders[path];
    if (names === undefined) throw new Error('no such file');
    return names;
  };
  const read = (zones: string) =>
    inspectConfig({ text: `zones: ${zones}\n${POPS}`, file: 'a/b.yaml', read: noFile, list });
  const good = read('[{dir: z}, {origin: e.example, file: e.zone}]');
  assert.deepEqual(good.problems, []);
  assert.deepEqual(
    good.config?.zones.map(({ origin, file }) => [origin, file]),
    [
      ['a.example', 'a/z/a.example.zone'],
      ['b.example', 'a/z/b.example.zone'],
      ['e.example', 'a/e.zone'],
    ],
  );
  const faults: [zones: string, expected: RegExp][] = [
    ['[{dir: none}]', /1:15: zones\[0\]\.dir: cannot read the folder "a\/none": no such file$/],
    ['[{dir: empty}]', /zones\[0\]\.dir: the folder "a\/empty" holds no file NAME\.zone$/],
    ['[{dir: z, origin: e.example}]', /zones\[0\]\.dir: stands alone, without origin and file$/],
    ['[{dir: 5}]', /zones\[0\]\.dir: 5 is not text$/],
    ['[{origin: e.example}]', /zones\[0\]\.file: is missing$/],
    [
      '[{origin: a.example, file: x}, {dir: z}]',
      /zones\[1\]\.dir: the zone "a\.example\." stands on line 1 al/,
    ],
    [
      '[{origin: E.example, file: x}, {dir: bad}]',
      /"a\/bad\/two words\.zone": "two words" is not a domain name$/,
    ],
  ];
  for (const [zones, expected] of faults) {
    const problems = read(zones).problems.map(formatProblem);
    assert.ok(
      problems.some((problem) => expected.test(problem)),
      `${zones}\n${problems.join('\n')}`,
    );
  }
  assert.match(problemsOf(`zones: [{dir: z}]\n${POPS}`)[0] as string, /folders cannot be read here$/);
});

test('listen.admin: off is no address', () => {
  assert.equal(load(`${ZONES}${POPS}listen: {admin: off}\n`).listen.admin, 'off');
});

test('services know their POPs as indexes, and their bias on top of that of the POP', () => {
  const text = `${ZONES}${POPS.replace('capacityRps: 3', 'capacityRps: 3, biasMs: 2')}services:
  all: {}
  some: {pops: [BBB], biasMs: {AAA: 5}, https: {alpn: [h3], port: 8443}}
`;
  const [all, some] = load(text).services;
  assert.deepEqual([all?.popIndexes, all?.biasMs, all?.https], [[0, 1], [2, 0], undefined]);
  assert.deepEqual([some?.popIndexes, some?.biasMs], [[1], [7, 0]]);
  assert.deepEqual(some?.https, { alpn: ['h3'], port: 8443 });
});

test('every fault is named with line, column, path and value', () => {
  const table: [text: string, expected: RegExp][] = [
    ['clustr: x', /:\d+:1: clustr: no such key; did you mean "cluster"\?$/],
    ['dns: {tcp: {speed: 5}}', /:13: dns\.tcp\.speed: no such key; known here: connectionsMax, .*idleMs/],
    ['dns: {tcp: {idelMs: 5}}', /dns\.tcp\.idelMs: no such key; did you mean "idleMs"\?$/],
    ['dns: {udpSizeMax: 9000}', /:19: dns\.udpSizeMax: 9000: at most 4096$/],
    ['dns: {udpSizeMax: 600.5}', /dns\.udpSizeMax: 600\.5 is not a whole number$/],
    ['dns: 5', /: dns: 5 is not a mapping$/],
    ['store: redis', /: store: "redis" is none of "memory"/],
    ['store: "redis://u:secret@"', /^(?!.*secret).*store/],
    ['admin: {token: hush-hush}', /^(?!.*hush).*admin\.token: .* at least 16$/],
    ['listen: {dns: [localhost:53]}', /listen\.dns\[0\]: "localhost:53" is not ADDRESS:PORT/],
    ['listen: {dns: ["127.0.0.1:53", "127.0.0.1:53"]}', /listen\.dns\[1\]: the address .* stands on line/],
    ['listen: {dot: ["127.0.0.1:5300"], dns: ["127.0.0.1:5300"]}', /listen\.dot\[0\]: the address/],
    ['listen: {admin: on}', /listen\.admin: "on" is not ADDRESS:PORT.*; or off$/],
    ['listen: {admin: "127.0.0.1:5300", dns: ["127.0.0.1:5300"]}', /listen\.admin: the address/],
    [
      'services: {web: {pops: [AAB]}}',
      /services\.web\.pops\[0\]: no POP has the code "AAB"; did you mean AAA/,
    ],
    ['services: {web: {pops: none}}', /services\.web\.pops: "none" is not "all" or a list$/],
    ['services: {web: {biasMs: {ZZZ: 1}}}', /services\.web\.biasMs\.ZZZ: no POP has the code/],
    ['services: {Web: {}}', /services\.Web: the key "Web" is not a name/],
    ['services: {web: {ttl: {min: 9, max: 3}}}', /services\.web\.ttl: min \(9\) is greater than max \(3\)$/],
    ['networks: [{prefix: 10.0.0.1/8, asn: 1}]', /did you mean 10\.0\.0\.0\/8\?$/],
    ['networks: [{prefix: 10.0.0.0/8}]', /networks\[0\]: says nothing of the network/],
    ['networks: [{prefix: 10.0.0.0/8, latitude: 4}]', /latitude and longitude stand together/],
    ['steering: {hysteresisMs: -1}', /steering\.hysteresisMs: -1: at least 0$/],
    ['state: a\nstate: b', /:\d+:1: the key "state" stands twice/],
    ['popAddresses: guessed', /popAddresses: "guessed" is not "given" or "modelled"$/],
  ];
  for (const [text, expected] of table) {
    const problems = problemsOf(`${ZONES}${POPS}${text}\n`);
    assert.equal(problems.length, 1, `${text}\n${problems.join('\n')}`);
    assert.match(problems[0] as string, expected);
    assert.match(problems[0] as string, /^a\/b\.yaml:\d+:\d+: /);
  }
});

test('faults in one place do not hide those in others, and come in the order of lines', () => {
  const problems = problemsOf(`clustr: x
zones: [{origin: e.example}]
services:
  web: {pops: [NIX], ttl: {min: x}}
pops:
  - ${pop('AAA', '192.0.2.1').replace('latitude: 1', 'latitude: 91')}
  - ${pop('AAA', '192.0.2.1')}
  - ${pop('BBB', '192.0.2.1')}
  - ${pop('bad', '192.0.2.9').replace('capacityRps: 3', 'capacityRps: 0').replace('DE', 'Germany')}
`);
  const lines = problems.map((problem) => Number(problem.split(':')[1]));
  assert.deepEqual(lines, [1, 2, 4, 4, 6, 8, 9, 9, 9], problems.join('\n'));
});

test('what is no mapping, no YAML, or unfolds for ever', () => {
  assert.match(problemsOf('')[0] as string, /:1:1: the configuration must be a mapping/);
  assert.match(problemsOf('- a')[0] as string, /must be a mapping/);
  assert.match(problemsOf('a: [1\nb: 2')[0] as string, /^a\/b\.yaml:\d+:\d+: not YAML: /);
  const bomb = Array.from({ length: 12 }, (_, i) =>
    i === 0 ? 'a0: &a0 [x, x]' : `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]`,
  );
  assert.match(problemsOf(bomb.join('\n'))[0] as string, /not usable as YAML/);
});

test('any text gives a configuration or problems with a place', () => {
  const word = fc.constantFrom(
    'zones:',
    'pops:',
    ' - ',
    '{',
    '}',
    '[',
    'code: A',
    '\n',
    '  ',
    'dns:',
    '&a',
    '*a',
    '"',
    '!!x',
    ': ',
    '? ',
    '\t',
    '#',
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 25 }), (words) => {
      for (const problem of problemsOf(words.join(''))) assert.match(problem, /^a\/b\.yaml:\d+:\d+: ./);
    }),
    { numRuns: 300 },
  );
});

const LINK_COLUMNS = 'transitA,capacityMbpsA,transitB,capacityMbpsB';
const CSV = `code,city,country,region,latitude,longitude,capacityRps,${LINK_COLUMNS}
AAA,"City, of A",DE,r,1,2,3,one,10,two,20
# a comment
BBB,B,DE,r,1,2,3,one,10,,
`;
const CSV_CONFIG = `${ZONES}pops: p.csv\npopAddresses: modelled\n`;

test('POPs from CSV: quoted cells, fewer links, modelled addresses', () => {
  const { fleet } = load(CSV_CONFIG, (path) => {
    assert.equal(path, 'a/p.csv');
    return CSV.replaceAll('\n', '\r\n');
  });
  assert.equal(fleet.pops[0]?.city, 'City, of A');
  assert.deepEqual(
    fleet.links.map(({ id, ipv4, ipv6 }) => [id, ipv4, ipv6]),
    [
      ['AAA-a', '127.64.1.1', '2001:db8:64:1::1'],
      ['AAA-b', '127.64.1.2', '2001:db8:64:1::2'],
      ['BBB-a', '127.64.2.1', '2001:db8:64:2::1'],
    ],
  );
});

test('POPs from CSV: faults have the line and the column name', () => {
  const problems = (csv: string): string[] => problemsOf(CSV_CONFIG, () => csv);
  assert.deepEqual(problems(CSV.replace('AAA,', 'aaa,').replace('two,20', 'two,lots')), [
    'a/p.csv:2: code: "aaa" is not a POP code of 2 to 8 capital letters and digits, such as FRA',
    'a/p.csv:2: capacityMbpsB: "lots" is not a number',
  ]);
  assert.deepEqual(problems(CSV.replace('BBB,B', 'AAA,B')), [
    'a/p.csv:4: code: the POP "AAA" stands on line 2 already',
  ]);
  assert.match(
    problems(CSV.replace(',city', ',town')).join('\n'),
    /:1: no such column: "town"[\s\S]*"city" is missing/,
  );
  assert.deepEqual(problems(CSV.replace('two,20', 'two')), [
    'a/p.csv:2: 10 cells where the header names 11 columns',
  ]);
  assert.match(problemsOf(`${ZONES}pops: p.csv\n`, () => CSV)[0] as string, /the column "ipv4A" is missing/);
  assert.match(
    problemsOf(`${ZONES}pops: p.csv\n`)[0] as string,
    /^a\/b\.yaml:2:7: pops: cannot read "a\/p\.csv"/,
  );
  assert.match(problems('')[0] as string, /no POPs/);
});

test('the digest of the fleet depends on codes, links and their order alone', () => {
  const digest = (pops: readonly string[]): number => load(`${ZONES}pops: [${pops.join()}]`).fleet.digest;
  const a = pop('AAA', '192.0.2.1');
  const b = pop('BBB', '192.0.2.2');
  assert.equal(digest([a, b]), digest([a.replace('latitude: 1', 'latitude: 3'), b]));
  assert.notEqual(digest([a, b]), digest([b, a]));
  assert.notEqual(digest([a, b]), digest([a]));
});

test('endpoints survive formatting, and paths resolve', () => {
  for (const text of ['127.0.0.1:53', '[::1]:5300', '0.0.0.0:0']) {
    const endpoint = parseEndpoint(text);
    assert.ok(typeof endpoint !== 'string');
    assert.equal(formatEndpoint(endpoint), text);
  }
  for (const bad of ['::1:53', '[127.0.0.1]:53', '127.0.0.1', ':53', '127.0.0.1:65536', '127.0.0.1:'])
    assert.equal(typeof parseEndpoint(bad), 'string', bad);
  const paths: [string, string, string][] = [
    ['a/b', '../c', 'a/c'],
    ['a', '../../c', '../c'],
    ['', 'c', 'c'],
    ['/x', '../../c', '/c'],
    ['a', '/c', '/c'],
    ['a', '..', '.'],
  ];
  for (const [folder, path, expected] of paths) assert.equal(joinPath(folder, path), expected);
});

test('the demo and the example are good, and the generated files are current', () => {
  for (const file of ['geo-data/demo/demo.yaml', 'deploy/isochrone.yaml'])
    loadConfig({ text: readFile(file), file, read: readFile });
  const hint = 'run `npx isochrone docs`';
  assert.equal(readFile('docs/configuration.md'), referencePage(), hint);
  assert.equal(readFile('deploy/isochrone.schema.json'), schemaFile(), hint);
});
