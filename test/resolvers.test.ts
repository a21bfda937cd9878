import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { ListenAddress } from '../src/server/handler.ts';
import { freePorts } from '../src/server/listeners.ts';
import { startNameServer } from '../src/server/supervisor.ts';
import { ask } from './helpers/ask.ts';
import { hasProgram, startDaemon } from './helpers/daemon.ts';
import { loadEdge } from './helpers/edge.ts';
import type { Message } from './helpers/message.ts';
import { compileZones } from './helpers/zones.ts';

/**
 * Real resolvers with the configurations of deploy/resolvers, each before a real name server for cdn.example.
 */

const FRANKFURT = 'www.cdn.example. 30 A 192.0.2.1';
const WASHINGTON = 'www.cdn.example. 30 A 192.0.2.2';
const TOKYO = 'www.cdn.example. 30 A 192.0.2.3';
const ZONE = `
@ 3600 SOA ns1 hostmaster 1 7200 1800 259200 900
@ 3600 NS ns1
ns1 3600 A 127.0.0.1
www 30 STEER edge
`;

const { data, image } = loadEdge();
const server = await startNameServer({
  listen: [{ host: '127.0.0.1', port: 0 }],
  data: { ...data, zones: compileZones([['cdn.example.', ZONE]], ['edge']) },
  image,
});
after(() => server.close());
const ours = server.addresses[0] as ListenAddress;

/**
 * How to run one resolver: its command, given the folder with `conf` (ours) and `main` (which includes it).
 */
interface Recipe {
  readonly program: string;
  readonly conf: string;
  /** The text that names Isochrone's address in our file. */
  readonly upstream: string;
  readonly main: (place: Place) => string;
  readonly run: (place: Place) => readonly string[];
  /** Changes of our file that running beside an installed resolver needs. */
  readonly adapt?: (text: string, place: Place) => string;
}

interface Place {
  readonly folder: string;
  readonly conf: string;
  readonly main: string;
  readonly port: number;
}

const recipes = {
  unbound: {
    program: 'unbound',
    conf: 'unbound.conf',
    upstream: '127.0.0.1@5300',
    main: ({ folder, conf, port }) => `server:
  interface: 127.0.0.1
  port: ${port}
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
include: "${conf}"
`,
    run: ({ main }) => ['-d', '-p', '-c', main],
  },
  bind: {
    program: 'named',
    conf: 'named.conf',
    upstream: '127.0.0.1 port 5300',
    main: () => '',
    adapt: (text, { folder, port }) =>
      text
        .replace(
          'directory "/var/cache/bind";',
          `directory "${folder}"; pid-file none; session-keyfile none;`,
        )
        .replace('listen-on port 53 ', `listen-on port ${port} `)
        .concat('controls { };\n'),
    run: ({ conf }) => ['-g', '-n', '1', '-c', conf],
  },
  dnsmasq: {
    program: 'dnsmasq',
    conf: 'dnsmasq.conf',
    upstream: '127.0.0.1#5300',
    main: ({ conf, port }) => `port=${port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
user=
conf-file=${conf}
`,
    run: ({ main }) => ['--keep-in-foreground', '--log-facility=-', `--conf-file=${main}`, '--pid-file='],
  },
  'pdns-recursor': {
    program: 'pdns_recursor',
    conf: 'pdns-recursor.conf',
    upstream: '127.0.0.1:5300',
    main: ({ folder, port }) => `local-address=127.0.0.1
local-port=${port}
socket-dir=${folder}
include-dir=${folder}/include
hint-file=no
daemon=no
write-pid=no
`,
    run: ({ folder }) => [`--config-dir=${folder}`],
  },
  kresd: {
    program: 'kresd',
    conf: 'kresd.conf',
    upstream: '127.0.0.1@5300',
    main: ({ conf, port }) => `net.listen('127.0.0.1', ${port}, { kind = 'dns' })
cache.size = 10 * MB
trust_anchors.remove('.')
dofile('${conf}')
`,
    run: ({ folder, main }) => ['-n', '-c', main, folder],
  },
} satisfies Record<string, Recipe>;

type Question = (options?: {
  subnet?: string;
  name?: string;
  type?: string;
  timeoutMs?: number;
}) => Promise<Message>;

/** Starts a resolver; undefined, with the test skipped, where it is not installed. */
async function start(context: TestContext, recipe: Recipe): Promise<Question | undefined> {
  if (!hasProgram(context, recipe.program)) return undefined;
  const [address] = await freePorts([{ host: '127.0.0.1', port: 0 }]);
  assert.ok(address);
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-resolver-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const place = placeFiles(recipe, folder, address.port);
  const untilUp = startDaemon(context, { program: recipe.program, args: recipe.run(place), folder });
  const question: Question = (options = {}) =>
    ask({
      server: address,
      name: 'www.cdn.example.',
      type: 'A',
      rd: true,
      edns: 1232,
      timeoutMs: 3_000,
      ...options,
    });
  const answers = async (): Promise<boolean> => {
    const reply = await question({ type: 'SOA', name: 'cdn.example.', timeoutMs: 300 }).catch(
      () => undefined,
    );
    return reply?.rcode === 0;
  };
  await untilUp(answers, 100, 40);
  return question;
}

/** Our file with this test's ports, and the program's own main file where it needs one. */
function placeFiles(recipe: Recipe, folder: string, port: number): Place {
  chmodSync(folder, 0o777);
  const include = join(folder, 'include');
  mkdirSync(include);
  const place = { folder, port, conf: join(include, 'isochrone.conf'), main: join(folder, 'recursor.conf') };
  const shipped = readFileSync(new URL(`../deploy/resolvers/${recipe.conf}`, import.meta.url), 'utf8');
  const upstream = recipe.upstream.replace('5300', String(ours.port));
  assert.ok(shipped.includes(recipe.upstream));
  const text = shipped.replaceAll(recipe.upstream, upstream);
  writeFileSync(place.conf, recipe.adapt?.(text, place) ?? text);
  writeFileSync(place.main, recipe.main(place));
  return place;
}

function counted(name: string, label = ''): number {
  const family = server.counters().families.find((one) => one.name === name);
  const samples = family?.samples.filter(({ values }) => label === '' || values.includes(label)) ?? [];
  return samples.reduce((sum, sample) => sum + sample.value, 0);
}

const queriesSeen = (): number => counted('isochrone_dns_queries_total');
const ecsAnswers = (): number => counted('isochrone_dns_pop_answers_total', 'ecs');

const answerOf = (message: Message): string | undefined =>
  message.sections[0][0]?.replace(/ \d+ A /, ' 30 A ');

test('Unbound sends the client subnet, and caches by the scope that it got', async (context) => {
  const question = await start(context, recipes.unbound);
  if (question === undefined) return;
  assert.equal(answerOf(await question()), FRANKFURT);
  const first = await question({ subnet: '10.1.2.0/24' });
  assert.equal(answerOf(first), WASHINGTON);
  assert.equal(first.ecs?.scope, 8);
  const seen = queriesSeen();
  assert.equal(answerOf(await question({ subnet: '10.200.7.0/24' })), WASHINGTON);
  assert.equal(queriesSeen(), seen, 'an address inside the scope is answered from the cache');
  assert.equal(answerOf(await question({ subnet: '192.0.2.0/24' })), TOKYO);
  assert.ok(queriesSeen() > seen, 'one outside is not');
  assert.ok(counted('isochrone_dns_ecs_queries_total', '24') >= 2, 'as Unbound sent them');
  assert.ok(counted('isochrone_dns_ecs_answers_total', '8') >= 1, 'as they were answered');
});

test('the PowerDNS Recursor sends the client subnet', async (context) => {
  const question = await start(context, recipes['pdns-recursor']);
  if (question === undefined) return;
  assert.equal(answerOf(await question()), FRANKFURT);
  assert.equal(answerOf(await question({ subnet: '10.1.2.0/24' })), WASHINGTON);
  assert.equal(answerOf(await question({ subnet: '192.0.2.0/24' })), TOKYO);
});

test("dnsmasq sends its client's subnet", async (context) => {
  const question = await start(context, recipes.dnsmasq);
  if (question === undefined) return;
  const before = ecsAnswers();
  assert.equal(answerOf(await question()), FRANKFURT);
  assert.equal(ecsAnswers(), before + 1);
});

for (const name of ['bind', 'kresd'] as const)
  test(`${recipes[name].program} resolves the steered name, for its own address`, async (context) => {
    const question = await start(context, recipes[name]);
    if (question === undefined) return;
    assert.equal(answerOf(await question()), FRANKFURT);
    assert.equal(answerOf(await question({ subnet: '10.1.2.0/24' })), FRANKFURT);
    const ipv6 = await question({ type: 'AAAA' });
    assert.equal(ipv6.sections[0][0]?.split(' ').at(-1), '2001:db8::1');
  });
