import { OUTCOME, type Outcome } from '../answer/context.ts';
import { splitHash } from '../answer/steered.ts';
import { type Address, formatAddress, parseAddress, parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { networkKey } from '../base/network-key.ts';
import type { ExplainQuestion, ExplainView } from '../console/api-explain.ts';
import { emptyLocated, type Located, locate } from '../geo/client-image.ts';
import type { Description } from '../geo/describe.ts';
import type { Explainer, Explanation } from '../steering/explain.ts';
import type { SteeringImage } from '../steering/image.ts';
import { TYPE, typeCode, typeName } from '../wire/constants.ts';
import { formatName, parseName, ROOT_NAME } from '../wire/name.ts';
import { askHere } from './ask-here.ts';
import type { World } from './world.ts';
import { zonesText } from './zones-text.ts';

/** What explaining needs. */
export interface ExplainParts {
  readonly world: World;
  readonly explainer: Explainer;
  readonly nowMs: () => number;
}

/** A question that was asked here, and what was decided. */
export interface Decided {
  readonly name: Uint8Array;
  readonly type: number;
  readonly client: Address;
  readonly image: SteeringImage;
  readonly outcome: Outcome;
  /** Where the client is taken to be, and the key of its /24 or /48. */
  readonly located: Located & { readonly key: number };
}

/** Packed estimates of a client's cells. */
export interface Packed {
  readonly place: Uint8Array | undefined;
  readonly network: Uint8Array | undefined;
  readonly leaf: Uint8Array | undefined;
}

/** Reads a question. Throws `OperatorError('bad-usage')` with everything wrong with it. */
export function readQuestion(question: ExplainQuestion): { name: Uint8Array; type: number; client: Address } {
  const prefix = parsePrefix(question.client);
  const client = typeof prefix === 'string' ? parseAddress(question.client) : prefix.address;
  const name = parseName(question.name, ROOT_NAME);
  const type = typeCode(question.type);
  const problems: string[] = [];
  if (typeof name === 'string') problems.push(`name: ${name}`);
  if (type === undefined) problems.push(`type: ${JSON.stringify(question.type)} is no record type`);
  if (client === undefined) problems.push(`client: ${JSON.stringify(question.client)} is no address`);
  if (typeof name === 'string' || type === undefined || client === undefined)
    throw new OperatorError(
      'bad-usage',
      problems.map((message) => ({ file: 'question', message })),
    );
  return { name, type, client };
}

/** Asks the answering code; undefined for a name or type that is not steered. */
export function decide(
  world: World,
  question: { readonly name: Uint8Array; readonly type: number; readonly client: Address },
): Decided | undefined {
  const outcome = askHere(world.answering, question);
  const image = world.answering.context.table?.image;
  if (outcome.kind !== OUTCOME.STEERED || outcome.linkIndex < 0 || image === undefined) return undefined;
  const located = emptyLocated();
  locate(world.answering.clients(), question.client, located);
  return { ...question, image, outcome, located: { ...located, key: networkKey(question.client) } };
}

/** Why `decide` gave nothing, in words. */
export function whyNotSteered(
  world: World,
  question: { readonly name: Uint8Array; readonly type: number; readonly client: Address },
): string {
  const { kind, qtype } = askHere(world.answering, question);
  const zones = zonesText(world.config);
  const name = formatName(question.name);
  const type = typeName(question.type);
  if (kind === OUTCOME.REFUSED && (qtype === TYPE.AXFR || qtype === TYPE.IXFR)) return `${type} is refused`;
  switch (kind) {
    case OUTCOME.REFUSED:
      return `${name} is in none of the zones here: ${zones}`;
    case OUTCOME.NXDOMAIN:
      return `there is no ${name}`;
    case OUTCOME.NODATA:
      return `${name} has no ${type} record, nor does STEER make one`;
    case OUTCOME.REFERRAL:
      return `${name} is delegated to other name servers`;
    case OUTCOME.ANSWER:
      return `${name} ${type} is not steered: ordinary records answer it`;
    default:
      return `${name} ${type} is not steered`;
  }
}

/** Which POPs are out, why, and since when: now, or in a moment of the past. */
interface OutPops {
  /** By POP: its state word. */
  readonly popState: Int32Array;
  readonly words: Pick<World['words'], 'whyOut' | 'outSinceMs'>;
}

/** The explanation of a decision by the functions that made it. `out`: the POPs that were; absent: now. */
export function explainDecided(
  parts: ExplainParts,
  decided: Decided,
  packed: Packed,
  out: OutPops = parts.world,
): Explanation {
  const { world, explainer } = parts;
  const { image, outcome, located, client } = decided;
  return explainer.explain({
    image,
    groupIndex: must(world.groupOf[outcome.serviceIndex], 'group of a service'),
    placeId: located.placeId,
    asn: located.asn,
    key: located.key,
    clientHash: splitHash(client, outcome.serviceIndex),
    popState: out.popState,
    whyOut: out.words.whyOut,
    outSinceMs: out.words.outSinceMs,
    packedPlace: packed.place,
    packedNetwork: packed.network,
    packedLeaf: packed.leaf,
  });
}

/** The explanation as the admin API gives it. */
export function explainView(
  parts: ExplainParts,
  question: ExplainQuestion,
  found: {
    readonly decided: Decided;
    readonly explanation: Explanation;
    /** Where the databases say that the client is. */
    readonly where: Description;
  },
): ExplainView {
  const { world } = parts;
  const { decided, explanation, where } = found;
  const { outcome, image, client } = decided;
  const { fleet, services } = world.config;
  const service = must(services[outcome.serviceIndex], 'service');
  const link = must(fleet.links[outcome.linkIndex], 'link');
  const { cell, chosen, runnerUp, passedOver, pops, notes, policy } = explanation;
  return {
    name: formatName(decided.name),
    type: question.type,
    service: service.name,
    client: {
      address: formatAddress(client),
      place: placeWords(where),
      asn: where.asn,
      asName: where.asName,
      source: where.source,
      ...(where.builtAtMs === undefined ? {} : { sourceBuiltAtMs: where.builtAtMs }),
    },
    cell: { key: cell.key, label: cell.label, ...(cell.inherits && { inherits: cell.inherits.key }) },
    scopeLength: outcome.scopeLength,
    ...(explanation.split === undefined ? {} : { split: explanation.split }),
    ttl: ttlOf(outcome.ttl, explanation.ttl),
    table: { epoch: image.epoch, ageMs: Math.max(0, parts.nowMs() - image.madeAtMs) },
    chosen: { ...chosen, addresses: [link.ipv4, link.ipv6, link.cname].flatMap((one) => one ?? []) },
    ...(policy === undefined ? {} : { policy }),
    ...(runnerUp === undefined ? {} : { runnerUp }),
    ...(passedOver === undefined ? {} : { passedOver }),
    notes,
    pops: pops.map((pop) => ({ ...pop, rttSource: sourceWords(pop) })),
  };
}

function placeWords(where: { city: string; region?: string; country: string }): string {
  const words = [where.city, where.region ?? '', where.country].filter((word) => word !== '');
  return words.length === 0 ? 'nobody knows where' : words.join(', ');
}

/** The TTL that the answer has: the decision's, within the bounds of the record and the service. */
function ttlOf(seconds: number, decided: Explanation['ttl']): ExplainView['ttl'] {
  if (seconds === decided.seconds) return decided;
  return { seconds, why: `${decided.seconds} s ${decided.why}; bounded by the service and the record` };
}

function sourceWords(pop: Explanation['pops'][number]): string {
  return pop.rttOf === 'geography' ? 'prior: distance' : `${pop.rttSource}: ${pop.rttOf}`;
}
