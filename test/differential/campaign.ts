import { type Comparison, compare, missingPeers } from './compare.ts';
import { CD_GIVEN_BACK, DIFFERENCES } from './differences.ts';
import { SIGNED_DIFFERENCES } from './differences-signed.ts';

/**
 * `npm run test:differential [SEED [QUESTIONS [nsec|nsec3]]]`: the comparison of peers.test.ts at length. It
 * prints counts; exit code 1 where a difference has no row in the table.
 */

const PORT = 5430;
const PEERS = ['nsd', 'knot', 'bind'] as const;

const [seed = 1, questions = 5000] = process.argv.slice(2, 4).map(Number);
const denial = process.argv[4] === 'nsec' || process.argv[4] === 'nsec3' ? process.argv[4] : undefined;
const missing = missingPeers();
if (missing.length > 0) {
  console.error(`not installed: ${missing.join(', ')} (Debian: nsd, knot, bind9)`);
  process.exit(2);
}
const result = await compare({ seed, questions, port: PORT, denial });
const kind = denial === undefined ? 'zones' : `zones signed with ${denial}`;
console.log(`seed ${seed}: ${result.questions} questions about ${result.zones} ${kind}`);
row('equal', (peer) => result.equal[peer]);
const rows = denial === undefined ? DIFFERENCES : [...DIFFERENCES, ...SIGNED_DIFFERENCES];
for (const name of [CD_GIVEN_BACK, ...rows.map((one) => one.name)])
  row(name, (peer) => result.met.get(name)?.get(peer) ?? 0);
row('unexplained', (peer) => result.unexplained.filter((one) => one.peer === peer).length);
for (const one of result.unexplained) show(one);
process.exitCode = result.unexplained.length === 0 ? 0 : 1;

function row(name: string, count: (peer: (typeof PEERS)[number]) => number): void {
  console.log(name.padEnd(46), ...PEERS.map((peer) => `${peer} ${String(count(peer)).padStart(5)}  `));
}

function show({ peer, question, ours, theirs }: Comparison['unexplained'][number]): void {
  console.log(`${peer}: ${JSON.stringify(question)}`);
  console.log(`  ours:   ${JSON.stringify(ours)}`);
  console.log(`  theirs: ${JSON.stringify(theirs)}`);
}
