import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRedisAddress } from '../src/base/redis-address.ts';

test('addresses are read with all their parts', () => {
  assert.deepEqual(parseRedisAddress('rediss://me:s%2Fcret@[::1]:7000/3?ca=/etc/ca.pem&cert=c&key=k'), {
    kind: 'single',
    hosts: [{ host: '::1', port: 7000 }],
    primary: '',
    username: 'me',
    password: 's/cret',
    sentinelUsername: undefined,
    sentinelPassword: undefined,
    db: 3,
    tls: true,
    caFile: '/etc/ca.pem',
    certFile: 'c',
    keyFile: 'k',
    shown: 'rediss://[::1]:7000/3',
  });
  const sentinel = parseRedisAddress(
    'redis+sentinel://:p%40ss@a.example,b.example:26380/edge-1/2?sentinel-user=u&sentinel-password=v%3Aw',
  );
  assert.ok(typeof sentinel !== 'string', String(sentinel));
  const { kind, hosts, primary, username, password, sentinelUsername, sentinelPassword, db } = sentinel;
  assert.deepEqual(
    { kind, hosts, primary, username, password, sentinelUsername, sentinelPassword, db },
    {
      kind: 'sentinel',
      hosts: [
        { host: 'a.example', port: 26_379 },
        { host: 'b.example', port: 26_380 },
      ],
      primary: 'edge-1',
      username: undefined,
      password: 'p@ss',
      sentinelUsername: 'u',
      sentinelPassword: 'v:w',
      db: 2,
    },
  );
  assert.equal(sentinel.shown, 'redis+sentinel://a.example:26379,b.example:26380/edge-1/2');
  const cluster = parseRedisAddress('rediss+cluster://u:p@10.0.0.1:7000,[2001:db8::1]');
  assert.ok(typeof cluster !== 'string', String(cluster));
  assert.deepEqual(cluster.hosts, [
    { host: '10.0.0.1', port: 7000 },
    { host: '2001:db8::1', port: 6379 },
  ]);
  assert.equal(cluster.shown, 'rediss+cluster://10.0.0.1:7000,[2001:db8::1]:6379');
});

test('what is wrong is said, all of it, and never with the password', () => {
  const wrong: [text: string, says: RegExp][] = [
    ['', /no address of Redis/],
    ['http://x', /no address of Redis/],
    ['redis+sharded://x', /no address of Redis/],
    ['redis://', /a host is missing/],
    ['redis://u:secret@h/x', /database must be a number, not "x"/],
    ['redis://u:secret@h?ca=x', /ca=FILE needs rediss/],
    ['redis://u:secret@h?y=1', /unknown option y: there is ca, cert, key/],
    ['redis://u:secret@h:0', /no possible port/],
    ['redis://u:secret@h:70000', /no possible port/],
    ['redis://u:secret@a,b', /several hosts need redis\+sentinel/],
    ['redis://u:%E0%A4%A@h', /badly %-escaped/],
    ['redis://u:sec/ret@h', /must be %-escaped/],
    ['redis://u:sec@ret@h', /must be %-escaped/],
    ['redis://u:sec?ret@h', /must be %-escaped/],
    ['rediss://u:secret@h?cert=c', /cert=FILE and key=FILE go together/],
    ['rediss://u:secret@h?ca=', /option ca says nothing/],
    ['redis+sentinel://u:secret@h', /the primary's name, as in \/mymaster/],
    ['redis+sentinel://u:secret@h/one/two', /database must be a number, not "two"/],
    ['redis+cluster://u:secret@h/3', /database 0 only/],
    ['redis+cluster://u:secret@h,,:1,x y', /a host is missing; a host is missing; "x y" is no HOST:PORT/],
    [`redis+cluster://u:secret@${new Array(65).fill('h')}`, /65 hosts are more than 64/],
  ];
  for (const [text, says] of wrong) {
    const problem = parseRedisAddress(text);
    assert.ok(typeof problem === 'string', text);
    assert.match(problem, says);
    assert.doesNotMatch(problem, /secret|sec|ret/, text);
  }
});
