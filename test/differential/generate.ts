import type { Random } from '../../src/base/random.ts';
import { parseName } from '../../src/wire/name.ts';
import type { QueryOptions } from '../helpers/message.ts';
import { fixedRecords } from './fixed-records.ts';

/** The zones of one seed. `other` is there so that chains can cross from one zone to another. */
export const ORIGIN = 'diff.example';
export const OTHER = 'other.example';

const LABELS = ['a', 'b', 'c', 'd', 'www', 'x-1', '_srv', 'deep'];
const QTYPES =
  'A A A AAAA AAAA NS MX TXT CNAME SOA SRV DS DNAME PTR CAA HTTPS SVCB NAPTR ANY TYPE65280 NSEC'.split(' ');
const SIZES = [undefined, undefined, 512, 700, 1232, 1232, 4096];
const OWNERS = 90;

/** A generated pair of zones, with every owner name in them (absolute). */
export interface Generated {
  readonly zones: Readonly<Record<string, string>>;
  readonly owners: readonly string[];
}

/** A zone with every record type, and a random tree of wildcards, chains, DNAMEs and delegations. */
export function generateZones(random: Random): Generated {
  const lines = ['$TTL 3600', ...generalRecords(random)];
  const zones = { [ORIGIN]: file(lines), [OTHER]: file(['$TTL 300', ...otherRecords]) };
  return { zones, owners: ownersOf(ORIGIN, lines) };
}

/** Records of the zone that the others' aliases lead to. */
export const otherRecords: readonly string[] = [
  '@ SOA ns host 1 2h 30m 2w 60',
  '@ NS ns',
  'ns A 192.0.2.99',
  'www A 192.0.2.98',
];

/** Records of a zone of every shape, relative to any origin. */
export function generalRecords(random: Random): string[] {
  return [...fixedRecords, ...randomTree(random).lines];
}

/** Owners of these records, absolute. */
export function ownersOf(origin: string, lines: readonly string[]): string[] {
  const owners = new Set<string>();
  for (const line of lines) {
    const owner = line.split(/\s/, 1)[0] as string;
    if (owner === '@') owners.add(`${origin}.`);
    else if (!owner.startsWith('$')) owners.add(owner.endsWith('.') ? owner : `${owner}.${origin}.`);
  }
  return [...owners];
}

/** A question about these zones: about owners, names beside and below them, with and without EDNS. */
export function generateQuestion(random: Random, owners: readonly string[], origin = ORIGIN): QueryOptions {
  const owner = pick(random, owners);
  const roll = random.next();
  let name = owner;
  if (roll < 0.2) name = `${pick(random, LABELS)}.${owner}`;
  else if (roll < 0.3) name = `${pick(random, LABELS)}.${pick(random, LABELS)}.${owner}`;
  else if (roll < 0.4) name = parentOf(owner);
  else if (roll < 0.45) name = `${pick(random, LABELS)}.${origin}.`;
  else if (roll < 0.48) name = `*.${owner}`;
  else if (roll < 0.5) name = pick(random, ['elsewhere.example.', 'example.', '.', `x${origin}.`]);
  if (typeof parseName(name) === 'string') name = owner;
  if (random.next() < 0.2)
    name = name.replace(/[a-z]/g, (letter) => (random.next() < 0.5 ? letter.toUpperCase() : letter));
  const edns = pick(random, SIZES);
  return {
    name,
    type: pick(random, QTYPES),
    rd: random.next() < 0.3,
    cd: random.next() < 0.1,
    ...(edns === undefined ? {} : { edns, dnssecOk: random.next() < 0.2 }),
  };
}

/** The name above; dots in labels are escaped. */
function parentOf(name: string): string {
  let at = 0;
  while (at < name.length && name[at] !== '.') at += name[at] === '\\' ? 2 : 1;
  return name.slice(at + 1) || '.';
}

interface Tree {
  readonly lines: string[];
  readonly random: Random;
  /** Owners that may have children, with what they are. */
  readonly kinds: Map<string, 'data' | 'cname' | 'dname' | 'cut'>;
}

function randomTree(random: Random): Tree {
  const tree: Tree = { lines: [], random, kinds: new Map() };
  for (let i = 0; i < OWNERS; i++) {
    const depth = 1 + Math.floor(random.next() * 4);
    const labels = Array.from({ length: depth }, () => pick(random, LABELS));
    const wildcard = random.next() < 0.2;
    if (wildcard) labels[0] = '*';
    addOwner(tree, `${labels.join('.')}.tree`, wildcard);
  }
  return tree;
}

function addOwner(tree: Tree, owner: string, wildcard: boolean): void {
  const { lines, random, kinds } = tree;
  const ancestors = ancestorsOf(owner).map((name) => kinds.get(name));
  const hasChildren = [...kinds.keys()].some((name) => name.endsWith(`.${owner}`));
  // Knot refuses names below a DNAME, and RFC 6672 §2.4 forbids them.
  if (kinds.has(owner) || ancestors.includes('dname')) return;
  const roll = random.next();
  if (roll < 0.18) {
    kinds.set(owner, 'cname');
    lines.push(`${owner} CNAME ${target(tree)}`);
  } else if (roll < 0.26 && !wildcard && !hasChildren) {
    kinds.set(owner, 'dname');
    lines.push(`${owner} DNAME ${target(tree)}`);
  } else if (roll < 0.38 && !wildcard) {
    kinds.set(owner, 'cut');
    addCut(tree, owner);
  } else {
    kinds.set(owner, 'data');
    addData(tree, owner);
  }
}

function addCut(tree: Tree, owner: string): void {
  const { lines, random } = tree;
  lines.push(`${owner} NS ns.${owner}`, `ns.${owner} A 192.0.2.${octet(random)}`);
  if (random.next() < 0.5) lines.push(`ns.${owner} AAAA 2001:db8::${octet(random)}`);
  if (random.next() < 0.4) lines.push(`${owner} NS ns.elsewhere.example.`);
  if (random.next() < 0.4) lines.push(`${owner} NS ns1`);
  if (random.next() < 0.3) lines.push(`${owner} DS 1 13 2 ${'0f'.repeat(32)}`);
  if (random.next() < 0.3) lines.push(`hidden.${owner} TXT "occluded"`);
}

function addData(tree: Tree, owner: string): void {
  const { lines, random } = tree;
  const start = lines.length;
  for (let i = Math.floor(random.next() * 4); i > 0; i--) lines.push(`${owner} A 192.0.2.${octet(random)}`);
  if (random.next() < 0.4) lines.push(`${owner} AAAA 2001:db8::${octet(random)}`);
  if (random.next() < 0.3) lines.push(`${owner} 60 TXT "text ${octet(random)}"`);
  if (random.next() < 0.2) lines.push(`${owner} MX 10 ${target(tree)}`, `${owner} MX 20 ${target(tree)}`);
  if (random.next() < 0.1) lines.push(`${owner} SRV 1 2 80 ${target(tree)}`);
  if (lines.length === start) lines.push(`${owner} PTR ${target(tree)}`);
}

function target(tree: Tree): string {
  const { random, kinds } = tree;
  const known = [...kinds.keys()];
  const roll = random.next();
  if (roll < 0.1) return pick(random, ['www.elsewhere.', `www.${OTHER}.`, `none.${OTHER}.`]);
  if (roll < 0.2) return `${pick(random, LABELS)}.${pick(random, LABELS)}.tree`;
  if (known.length === 0 || roll < 0.3) return pick(random, ['host', 'multi', 'ns1', 'chain1']);
  const name = pick(random, known);
  return roll < 0.4 ? `${pick(random, LABELS)}.${name}` : name;
}

function ancestorsOf(owner: string): string[] {
  const labels = owner.split('.');
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
}

function octet(random: Random): number {
  return 1 + Math.floor(random.next() * 254);
}

/** One of the choices. */
export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random.next() * choices.length)] as T;
}

/** The text of a master file. */
export function file(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
