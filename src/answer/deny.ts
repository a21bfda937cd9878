import { RCODE, TYPE } from '../wire/constants.ts';
import { BLOCK, FLAG, LINKS, NODE } from '../zone/image.ts';
import { apexOf } from '../zone/image-find.ts';
import { type AnswerContext, OUTCOME } from './context.ts';
import { SECTION, suffixAt } from './message.ts';
import { proveAbsence, putNeeded, putProofs } from './proof.ts';
import type { Service } from './service.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { AUTHORITY: SECTION_AUTHORITY } = SECTION;
const { FAILED: OUTCOME_FAILED, NODATA: OUTCOME_NODATA, NXDOMAIN: OUTCOME_NXDOMAIN } = OUTCOME;
const { NOERROR: RCODE_NOERROR, NXDOMAIN: RCODE_NXDOMAIN, SERVFAIL: RCODE_SERVFAIL } = RCODE;
const { NEGATIVE: BLOCK_NEGATIVE } = BLOCK;
const { SERVICE: LINKS_SERVICE } = LINKS;
const { LINKS: NODE_LINKS } = NODE;
const { STEER: FLAG_STEER } = FLAG;
const { A: TYPE_A, AAAA: TYPE_AAAA, HTTPS: TYPE_HTTPS } = TYPE;

/** No answer can be given for now. */
export function fail(context: AnswerContext): number {
  const { outcome } = context;
  outcome.kind = OUTCOME_FAILED;
  outcome.scopeLength = 0;
  context.authoritative = false;
  context.proofCount = 0;
  return RCODE_SERVFAIL;
}

/** NXDOMAIN or NODATA with the SOA that says for how long (RFC 2308 §3). */
export function deny(context: AnswerContext, rcode: number): number {
  const { outcome, message, hit } = context;
  const { words } = context.zones;
  outcome.kind = rcode === RCODE_NXDOMAIN ? OUTCOME_NXDOMAIN : OUTCOME_NODATA;
  message.section = SECTION_AUTHORITY;
  const apexLength = (words[apexOf(hit.block, hit.shift)] as number) & 0xff;
  const entry = hit.block + ((words[hit.block + BLOCK_NEGATIVE] as number) >>> 2);
  putNeeded(context, entry, suffixAt(message, apexLength));
  if (context.secure) proveAbsence(context, rcode === RCODE_NOERROR && isChosen(context));
  putProofs(context);
  return rcode;
}

/** Whether the name is steered, and another client may get an answer of the type that is asked for. */
function isChosen(context: AnswerContext): boolean {
  const { query, hit, zones } = context;
  const { qtype } = query;
  if (((zones.words[hit.node] as number) & FLAG_STEER) === 0) return false;
  return qtype === TYPE_A || qtype === TYPE_AAAA || (qtype === TYPE_HTTPS && mayBeAlias(context, hit.node));
}

/** Whether some clients get an alias at a steered node, whatever they ask for. */
export function mayBeAlias({ hit, services, zones }: AnswerContext, node: number): boolean {
  const { words } = zones;
  const links = hit.block + ((words[node + NODE_LINKS] as number) >>> 2);
  return (services[words[links + LINKS_SERVICE] as number] as Service).hasAliases;
}
