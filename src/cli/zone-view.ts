import { readFileSync } from 'node:fs';
import { parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { type Endpoint, parseEndpoint } from '../config/scalars.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName, namesEqual } from '../wire/name.ts';
import { readSections } from '../wire/records.ts';
import { type CandidateSource, STEERED_TYPES } from '../zone/candidates.ts';
import { serviceName } from '../zone/draft-check.ts';
import { emptyHints, hintedName } from '../zone/hints.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { nameKey } from '../zone/secured.ts';
import { candidateSources } from './candidate-sources.ts';
import { type Invocation, textFlag } from './command.ts';
import { readConfig } from './config-file.ts';
import { askStub } from './stub.ts';
import { dnssecOf, namedZone } from './zone-action.ts';
import { compileToCheck, readZone } from './zone-file.ts';
import { type SignedByFiles, signByFiles } from './zone-signer.ts';
import { signingGround } from './zone-signers.ts';

/** Options of those actions that look at the whole signed zone. */
export const VIEW_OPTIONS = {
  client: {
    type: 'string',
    value: 'ADDR',
    help: 'of export, verify: whose answers steered names have (default 127.0.0.1)',
  },
  server: {
    type: 'string',
    value: 'ADDR:PORT',
    help: 'of export, verify: the running name server to ask for them (default: the first of listen.dns)',
  },
} as const;

/** A signed zone as one client sees it: what is steered stands there as that client would be answered. */
export interface SignedView {
  readonly origin: Uint8Array;
  readonly signed: SignedByFiles;
}

/**
 * The zone signed as a server does it, with the signatures that the state folder has. A running server is
 * asked only for what is steered.
 */
export async function signedView(zone: string, invocation: Invocation): Promise<SignedView> {
  const { flags, terminal } = invocation;
  const config = readConfig(flags, terminal);
  const { origin, source } = namedZone(config, zone);
  const dnssec = dnssecOf(config, source);
  const read = readZone(
    {
      ...source,
      services: config.services.map(({ name }) => name),
      namedAt: { file: config.file, ...source.place },
    },
    { readText: (path) => readFileSync(path, 'utf8'), compile: compileToCheck },
  );
  const errors = read.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new OperatorError('bad-zone', errors);
  const records = await answered(read.records, config, invocation);
  const ground = must(signingGround(config), 'a zone that is signed');
  const nowS = Math.floor(Date.now() / 1000);
  const signed = signByFiles({ origin, records, dnssec, isView: true }, ground, nowS);
  if (!('records' in signed)) throw new OperatorError('bad-zone', signed);
  return { origin, signed };
}

/** The records with what a client gets in place of each STEER record, and of hints that are filled. */
async function answered(
  records: readonly ZoneRecord[],
  config: Config,
  { flags, terminal }: Invocation,
): Promise<ZoneRecord[]> {
  if (!records.some(({ type }) => type === TYPE.STEER)) return [...records];
  const client = parsePrefix(textFlag(flags, 'client') ?? '127.0.0.1');
  if (typeof client === 'string') throw usage(`--client ${client}`);
  const server = serverOf(textFlag(flags, 'server'), config);
  const asked = chosenSets(records, candidateSources(must(signingGround(config), 'a zone that is signed')));
  const plain = records.filter((record) => record.type !== TYPE.STEER && !asked.has(keyOf(record)));
  for (const { record, type, ttl } of asked.values()) {
    const name = formatName(record.owner).slice(0, -1);
    const reply = await askStub({ server, name, type, client, tcp: true, stop: terminal.stop });
    const sections = readSections(reply.octets);
    if (typeof sections === 'string') throw usage(`${name}: ${sections}`);
    for (const { owner, type: got, rdata } of sections.answer) {
      // An alias answers all types, and stands there once.
      const isWanted = got === type || (got === TYPE.CNAME && type === TYPE.A);
      if (isWanted && namesEqual(owner, record.owner)) plain.push({ ...record, type: got, ttl, rdata });
    }
  }
  return plain;
}

/** An RRset that is chosen for each client; its TTL is the signed one, the longest of an answer. */
interface ChosenSet {
  readonly record: ZoneRecord;
  readonly type: number;
  readonly ttl: number;
}

/** By owner and type, what steering makes and what has hints to be filled. */
function chosenSets(
  records: readonly ZoneRecord[],
  sources: ReadonlyMap<string, CandidateSource>,
): ReadonlyMap<string, ChosenSet> {
  const sets = new Map<string, ChosenSet>();
  const steers = new Map(
    records.flatMap((record) => (record.type === TYPE.STEER ? [[nameKey(record.owner), record]] : [])),
  );
  const put = (steer: ZoneRecord, set: Omit<ChosenSet, 'ttl'>, leastTtl: number): void => {
    const source = must(sources.get(serviceName(steer)), 'a service');
    // SVCB has the bounds of A, as HTTPS.
    const kind = set.type === TYPE.AAAA ? STEERED_TYPES.indexOf(TYPE.AAAA) : 0;
    const { min, max } = must(source.ttlBounds[kind], 'bounds');
    sets.set(keyOf({ ...set.record, type: set.type }), {
      ...set,
      ttl: Math.max(min, Math.min(leastTtl, max)),
    });
  };
  const own = new Set(records.map(keyOf));
  for (const steer of steers.values())
    for (const type of STEERED_TYPES)
      if (!own.has(keyOf({ ...steer, type }))) put(steer, { record: steer, type }, steer.ttl);
  for (const record of records) {
    const steer = emptyHints(record) === 0 ? undefined : steers.get(nameKey(hintedName(record)));
    if (steer === undefined) continue;
    const set = records.filter((one) => keyOf(one) === keyOf(record));
    put(steer, { record, type: record.type }, Math.min(...set.map(({ ttl }) => ttl)));
  }
  return sets;
}

function keyOf({ owner, type }: Pick<ZoneRecord, 'owner' | 'type'>): string {
  return `${nameKey(owner)} ${type}`;
}

function serverOf(text: string | undefined, config: Config): Endpoint {
  const server = text === undefined ? config.listen.dns[0] : parseEndpoint(text);
  if (typeof server === 'string') throw usage(`--server ${server}`);
  return must(server, 'a listener');
}

function usage(message: string): OperatorError {
  return new OperatorError('bad-usage', [{ file: 'command line', message }]);
}
