import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ask } from '../helpers/ask.ts';
import { signedServers } from './dnssec-peers.ts';
import { firstAnswer } from './loads.ts';
import {
  cpuSeconds,
  hasProgram,
  LOAD_CORE,
  machineText,
  median,
  progress,
  type Running,
  root,
  run,
  SERVER_CORE,
  sleep,
  start,
  temporaryFolder,
} from './machine.ts';
import type { PeerServer } from './peer-servers.ts';
import { textTable, whole } from './report.ts';

/**
 * `npm run bench:dnssec`: what a query with DO costs beside one without, in one run, here and in peers that
 * steer and sign; and how long the signing of many steered names takes, beside when the first answers come.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    names: { type: 'string', default: '1000' },
    pops: { type: 'string', default: '150' },
    only: { type: 'string', default: 'queries,signing' },
  },
});
const WITHIN_MS = 60_000;
const KINDS = [
  { title: 'steered A', name: 'www.edge.test', subnet: '000118000a0101' },
  { title: 'static A', name: 'static.edge.test', subnet: undefined },
] as const;

progress(machineText());
const folder = temporaryFolder();
if (values.only.includes('queries')) await measureQueries();
if (values.only.includes('signing')) await measureSigning();

interface Up {
  readonly server: PeerServer;
  readonly running: Running;
}

async function measureQueries(): Promise<void> {
  const up: Up[] = [];
  for (const server of signedServers(folder)) {
    if (server.name !== 'isochrone' && !hasProgram(server.program)) {
      progress(`${server.name} is not measured: apt install ${server.packages}`);
      continue;
    }
    const own = join(folder, server.name);
    mkdirSync(own, { mode: 0o755 });
    const running = start(server.prepare(own), { core: SERVER_CORE, log: join(own, 'log') });
    const questions = [{ name: 'static.edge.test.', type: 'A', edns: 1232 }];
    const ms = await firstAnswer(server.port, questions, { withinMs: WITHIN_MS, gaveUp: running.ended });
    if (ms === undefined) progress(`${server.name} does not answer: ${running.output().slice(-400)}`);
    else up.push({ server, running });
  }
  const rows: string[][] = [];
  for (const kind of KINDS) {
    const costs = new Map<string, number[]>();
    // The first load finds every server cold.
    for (const one of up) for (const isSigned of [false, true]) await cost(one, kind, isSigned);
    for (let round = 0; round < Number(values.rounds); round++)
      for (const one of up)
        for (const isSigned of [false, true]) {
          const key = `${one.server.name} ${isSigned}`;
          costs.set(key, [...(costs.get(key) ?? []), await cost(one, kind, isSigned)]);
        }
    for (const { server } of up) {
      const plain = costs.get(`${server.name} false`) ?? [];
      const signed = costs.get(`${server.name} true`) ?? [];
      const ratio = median(signed.map((us, i) => us / (plain[i] as number)));
      const octets = await sizes(server.port, kind.name);
      rows.push([
        kind.title,
        server.name,
        median(plain).toFixed(2),
        median(signed).toFixed(2),
        ratio.toFixed(2),
        octets,
      ]);
    }
  }
  await Promise.all(up.map(({ running }) => running.stop()));
  const head = ['question', 'server', 'CPU us/query', 'with DO', 'ratio', 'octets of the answers'];
  console.log(textTable(head, rows));
}

/** CPU time of a query, microseconds. */
async function cost(
  { server, running }: Up,
  { name, subnet }: (typeof KINDS)[number],
  isSigned: boolean,
): Promise<number> {
  const names = join(folder, 'names');
  writeFileSync(names, `${name} A\n`);
  const words = ['dnsperf', '-s', '127.0.0.1', '-p', `${server.port}`, '-d', names, '-l', values.seconds];
  words.push('-c', '16', '-T', '1', '-q', '500', '-t', '2');
  words.push(...(subnet === undefined ? ['-e'] : ['-E', `8:${subnet}`]), ...(isSigned ? ['-D'] : []));
  const before = cpuSeconds(running.pid);
  const text = await run(words, { core: LOAD_CORE, mayFail: true });
  const used = cpuSeconds(running.pid) - before;
  const answered = Number(/Queries completed:\s+(\d+)/.exec(text)?.[1] ?? 0);
  const us = (used * 1e6) / answered;
  progress(
    `${server.name} ${name} ${isSigned ? 'with' : 'without'} DO: ${us.toFixed(2)} us, ${whole(answered)}`,
  );
  return us;
}

async function sizes(port: number, name: string): Promise<string> {
  const base = { server: { host: '127.0.0.1', port }, name: `${name}.`, type: 'A', edns: 1232 };
  const plain = await ask({ ...base });
  const signed = await ask({ ...base, dnssecOk: true });
  const records = signed.sections[0].filter((line) => line.includes(' RRSIG ')).length;
  return `${plain.sections[0].length} record, with DO ${signed.sections[0].length} of which ${records} RRSIG`;
}

/** Many steered names on many POPs: when answers come, when all is signed, with how much memory. */
async function measureSigning(): Promise<void> {
  const names = Number(values.names);
  const pops = Number(values.pops);
  const own = join(folder, 'signing');
  mkdirSync(own);
  const fleet = Array.from({ length: pops }, (_, n) => popLine(`P${String(n).padStart(3, '0')}`, n + 1));
  writeFileSync(
    join(own, 'many.yaml'),
    [
      'zones: [{ origin: many.test, file: many.zone, dnssec: {} }]',
      'services: { web: {} }',
      'pops:',
      ...fleet,
      '',
    ].join('\n'),
  );
  const records = Array.from({ length: names }, (_, i) => `n${i} STEER web`);
  writeFileSync(
    join(own, 'many.zone'),
    ['$TTL 300', '@ SOA ns host 1 1 1 1 60', '@ NS ns', 'ns A 127.0.0.1', ...records, ''].join('\n'),
  );
  const config = ['--config', join(own, 'many.yaml')];
  const main = [process.execPath, join(root, 'src/main.ts')];
  const plain = join(own, 'plain.yaml');
  writeFileSync(plain, readFileSync(join(own, 'many.yaml'), 'utf8').replace(', dnssec: {}', ''));
  await makeClientImage([...main, 'serve', '--config', plain], own);
  await run([...main, 'zone', 'keygen', 'many.test', ...config]);
  const port = 20747;
  const serve = [...main, 'serve', ...config, '--port', `${port}`, '--admin-port', '0', '--workers', '1'];
  for (const title of ['first start', 'new POP', 'restart']) {
    if (title === 'new POP') appendFileSync(join(own, 'many.yaml'), `${popLine('NEW', pops + 1)}\n`);
    const sinceMs = performance.now();
    const running = start(serve, { log: join(own, 'log') });
    const server = { host: '127.0.0.1', port };
    const static_ = { name: 'ns.many.test.', type: 'A', edns: 1232, dnssecOk: true };
    const first = await firstAnswer(port, [static_], { withinMs: WITHIN_MS, sinceMs, gaveUp: running.ended });
    const unsigned = await ask({ server, name: `n${names - 1}.many.test.`, type: 'A', timeoutMs: 30_000 });
    let signedMs = Number.NaN;
    while (Number.isNaN(signedMs) && performance.now() - sinceMs < WITHIN_MS * 5) {
      const last = await ask({
        server,
        name: `n${names - 1}.many.test.`,
        type: 'AAAA',
        dnssecOk: true,
      }).catch(() => undefined);
      if ((last?.sections[0].length ?? 0) > 1) signedMs = performance.now() - sinceMs;
      else await sleep(50);
    }
    const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, 'utf8'))?.[1];
    progress(
      `${title}: ${names} names x ${pops} POPs x 2 types: first answers after ${whole(first ?? 0)} ms ` +
        `(steered without DO: ${unsigned.sections[0].length}), all signed after ${whole(signedMs)} ms, ` +
        `peak memory of the process ${whole(Number(peak) / 1024)} MiB`,
    );
    await running.stop();
  }
}

/** The client image is there, as on any machine that has run before. */
async function makeClientImage(serve: readonly string[], own: string): Promise<void> {
  const port = 20748;
  const words = ['--port', `${port}`, '--admin-port', '0', '--workers', '1'];
  const running = start([...serve, ...words], { log: join(own, 'log') });
  const questions = [{ name: 'ns.many.test.', type: 'A', edns: 1232 }];
  await firstAnswer(port, questions, { withinMs: 2 * WITHIN_MS, gaveUp: running.ended });
  await running.stop();
}

function popLine(code: string, n: number): string {
  const addresses = `ipv4: 10.0.${n >> 8}.${n & 255}, ipv6: "2001:db8::${n.toString(16)}"`;
  const place = `latitude: ${(n % 120) - 60}, longitude: ${((n * 7) % 340) - 170}`;
  const head = `code: ${code}, city: c, country: DE, region: r, ${place}, capacityRps: 1000`;
  return `  - { ${head}, links: [{ transit: one, capacityMbps: 1000, ${addresses} }] }`;
}
