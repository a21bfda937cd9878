import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { answer } from '../../src/answer/answer.ts';
import { buildRowMap } from '../../src/answer/row-map.ts';
import {
  type Address,
  emptyAddress,
  familyBits,
  formatAddress,
  maskedAddress,
  parseAddress,
} from '../../src/base/address.ts';
import { seededRandom } from '../../src/base/random.ts';
import { createAnswering } from '../../src/server/answering.ts';
import { openImage } from '../../src/steering/image.ts';
import { ask } from '../helpers/ask.ts';
import { decodeMessage, encodeQuery, type Message } from '../helpers/message.ts';
import { startProgram } from '../helpers/program.ts';
import { randomClients } from '../helpers/random-clients.ts';
import { cellMaker } from './cells.ts';
import { progress, root, temporaryFolder } from './machine.ts';
import { textTable, whole } from './report.ts';
import { openBenchWorld } from './world.ts';

/**
 * `npm run bench:scope`: whether the scope that answers carry (RFC 7871 §7.2.1) is true: every address
 * inside it must get the same answer. On the real databases: with the table made of geography, and with one
 * that is as uneven as can be, in which every AS at every place has a row of its own by chance and some rows
 * are split.
 */

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '100000' },
    'over-dns': { type: 'string', default: '2000' },
    addresses: { type: 'string', default: '6' },
    seed: { type: 'string', default: '1' },
  },
});
/** What resolvers send of their clients' addresses (RFC 7871 §11.1). */
const SOURCE = { 4: 24, 6: 56 } as const;
const NAME = 'www.cdn.example.';
const OUT_OCTETS = 1232;
const WRONG_SHOWN = 5;

/** Gives the answer to a client subnet. */
type Asker = (subnet: string) => Message | Promise<Message>;

/** What the scopes of many clients were. */
interface Finding {
  readonly what: string;
  clients: number;
  addresses: number;
  readonly wrong: string[];
  /** How many had each length, by family. */
  readonly lengths: Readonly<Record<4 | 6, Map<number, number>>>;
}

await main();

async function main(): Promise<void> {
  const state = join(temporaryFolder(), 'state');
  const config = join(root, 'geo-data/demo/demo.yaml');
  progress('opening the images, or making them');
  const { world, image } = await openBenchWorld({ config, state });
  const { answerData, config: read, places } = world;
  const { clients, make } = cellMaker({ config, state }, { cells: 10_000_000, rows: 50_000 });
  const { bytes: uneven } = make(Number(values.seed));
  const inProcess = (table: Uint8Array): Asker => {
    const answering = createAnswering(answerData);
    const opened = openImage(table, { fleetDigest: read.fleet.digest, placesDigest: places.digest });
    if (typeof opened === 'string') throw new Error(opened);
    const refused = answering.setTable(table, buildRowMap(clients, opened));
    if (typeof refused === 'string') throw new Error(refused);
    const out = Buffer.alloc(OUT_OCTETS);
    const resolver = { address: parseAddress('127.0.0.1') as Address, port: 53, transport: 'udp' as const };
    return (subnet) => {
      const query = Buffer.from(encodeQuery({ name: NAME, type: 'A', subnet }));
      const length = answer(answering.context, query, query.length, resolver, out);
      return decodeMessage(out.subarray(0, length));
    };
  };
  const sample = randomClients(Number(values.clients));
  const findings = [
    await examine('table of geography', sample, inProcess(image)),
    await examine('uneven table, split rows', sample, inProcess(uneven)),
  ];
  const program = await startProgram(['serve'], { state });
  const server = { host: '127.0.0.1', port: program.port };
  const some = sample.slice(0, Number(values['over-dns']));
  findings.push(
    await examine('table of geography, over DNS', some, (subnet) =>
      ask({ server, name: NAME, type: 'A', subnet }),
    ),
  );
  await program.end();
  for (const finding of findings) console.log(`${report(finding)}\n`);
  if (findings.some(({ wrong }) => wrong.length > 0)) process.exitCode = 1;
}

async function examine(what: string, sample: readonly string[], asker: Asker): Promise<Finding> {
  const finding: Finding = {
    what,
    clients: 0,
    addresses: 0,
    wrong: [],
    lengths: { 4: new Map(), 6: new Map() },
  };
  const random = seededRandom(Number(values.seed));
  for (const text of sample) {
    const client = parseAddress(text);
    if (client === undefined) throw new Error(`${text} is no address`);
    const { family } = client;
    const base = maskedAddress(client, SOURCE[family]);
    const first = await asker(`${formatAddress(base)}/${SOURCE[family]}`);
    const scope = first.ecs?.scope ?? -1;
    finding.clients++;
    const lengths = finding.lengths[family];
    lengths.set(scope, (lengths.get(scope) ?? 0) + 1);
    for (const address of addressesIn(base, { scope, next: random.next })) {
      finding.addresses++;
      const other = await asker(`${formatAddress(address)}/${familyBits(family)}`);
      if (scope >= 0 && other.sections[0].join() === first.sections[0].join()) continue;
      if (finding.wrong.length < WRONG_SHOWN)
        finding.wrong.push(
          `${formatAddress(address)} is in ${formatAddress(base)}/${scope}, but gets ${other.sections[0]}`,
        );
      else finding.wrong.push('');
    }
    if (finding.clients % 20_000 === 0) progress(`${what}: ${whole(finding.clients)} clients`);
  }
  return finding;
}

/** The first and the last address of the prefix that the scope makes, and some at random. */
function addressesIn(base: Address, options: { scope: number; next: () => number }): Address[] {
  const { next } = options;
  const scope = Math.max(0, options.scope);
  const bits = familyBits(base.family);
  const withHost = (octet: () => number): Address => {
    const address = { ...emptyAddress(), family: base.family };
    const prefix = maskedAddress(base, scope).octets;
    for (let at = 0; at < bits / 8; at++) {
      const hostBits = Math.min(8, Math.max(0, (at + 1) * 8 - scope));
      address.octets[at] = (prefix[at] ?? 0) | (octet() & ((1 << hostBits) - 1));
    }
    return address;
  };
  const chance = (): number => Math.floor(next() * 256);
  const inside = Array.from({ length: Math.max(0, Number(values.addresses) - 2) }, () => withHost(chance));
  return [withHost(() => 0), withHost(() => 255), ...inside];
}

function report(finding: Finding): string {
  const { what, clients, addresses, wrong, lengths } = finding;
  const rows = ([4, 6] as const).map((family) => {
    const all = [...lengths[family]].toSorted(([a], [b]) => a - b);
    const count = all.reduce((sum, [, n]) => sum + n, 0);
    const mean = all.reduce((sum, [length, n]) => sum + length * n, 0) / count;
    const longer = all.filter(([length]) => length > SOURCE[family]).reduce((sum, [, n]) => sum + n, 0);
    const most = all
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, 8)
      .map(([length, n]) => `/${length} ${((100 * n) / count).toFixed(1)} %`);
    const over = `${((100 * longer) / count).toFixed(2)} %`;
    return [`IPv${family}, /${SOURCE[family]} sent`, whole(count), mean.toFixed(2), over, most.join(', ')];
  });
  const head = ['client subnets', 'clients', 'mean scope', 'longer than sent', 'most common'];
  return (
    `${what}: ${whole(addresses)} addresses inside the scopes of ${whole(clients)} clients, ` +
    `${wrong.length} with another answer\n${textTable(head, rows)}` +
    wrong
      .filter((line) => line !== '')
      .map((line) => `\n  ${line}`)
      .join('')
  );
}
