import { RCODE } from '../wire/constants.ts';
import { optSize, writeOpt } from '../wire/edns.ts';
import { HEADER_SIZE, QUERY, readQuery } from '../wire/query.ts';
import { beginMessage } from '../wire/writer.ts';
import { type AnswerContext, type Client, OUTCOME } from './context.ts';
import { answerQuestion } from './question.ts';

const UDP_SIZE_PLAIN = 512;
const TCP_SIZE_MAX = 65_535;

/**
 * Answers one message: writes the response into `out`, which must hold at least 512 octets and is never
 * `query`'s memory, and returns its length; 0 says nothing. What was decided is left in `context.outcome`.
 */
export function answer(
  context: AnswerContext,
  query: Uint8Array,
  length: number,
  client: Client,
  out: Uint8Array,
): number {
  const { outcome, query: view } = context;
  const status = readQuery(view, query, length);
  outcome.transport = client.transport;
  outcome.truncated = false;
  outcome.serviceIndex = -1;
  outcome.scopeLength = 0;
  outcome.usedEcs = false;
  if (status === QUERY.DROP || client.port === 0) {
    outcome.kind = OUTCOME.DROPPED;
    return 0;
  }
  outcome.kind = OUTCOME.REJECTED;
  outcome.qtype = view.questionEnd > HEADER_SIZE ? view.qtype : 0;
  begin(context, query, client, out);
  outcome.rcode = status === QUERY.OK ? answerQuestion(context, client.address) : rejectionOf(status);
  return finish(context, query, out);
}

function rejectionOf(status: number): number {
  if (status === QUERY.UNKNOWN_OPCODE) return RCODE.NOTIMP;
  return status === QUERY.BAD_VERSION ? RCODE.BADVERS : RCODE.FORMERR;
}

/** Copies the question, as it was spelt, and sets the limit so that there is always room for OPT. */
function begin(context: AnswerContext, query: Uint8Array, client: Client, out: Uint8Array): void {
  const { query: view, writer } = context;
  const end = view.questionEnd;
  for (let i = HEADER_SIZE; i < end; i++) out[i] = query[i] as number;
  const { edns } = view;
  let limit = UDP_SIZE_PLAIN;
  if (client.transport === 'tcp') limit = TCP_SIZE_MAX;
  else if (edns.present) limit = Math.min(Math.max(edns.udpSize, UDP_SIZE_PLAIN), context.udpSizeMax);
  limit = Math.min(limit, out.length) - optSize(edns);
  beginMessage(writer, out, end, limit, end > HEADER_SIZE ? view.qname : undefined);
  context.authoritative = false;
  context.writtenCount = 0;
}

/** Adds OPT if the query had one, and writes the header. Returns the length. */
function finish(context: AnswerContext, query: Uint8Array, out: Uint8Array): number {
  const { outcome, query: view, writer } = context;
  const { edns } = view;
  const { rcode } = outcome;
  let end = writer.at;
  if (edns.present) end = writeOpt(out, end, edns, context.udpSizeMax, rcode, outcome.scopeLength);
  out[0] = query[0] as number;
  out[1] = query[1] as number;
  // QR, the query's opcode and RD. RA, Z, AD are 0, and so is CD in an authoritative response (RFC 4035
  // §3.1.6).
  const flags = 0x80 | ((query[2] as number) & 0x79);
  out[2] = flags | (context.authoritative ? 0x04 : 0) | (outcome.truncated ? 0x02 : 0);
  out[3] = rcode & 15;
  out[4] = 0;
  out[5] = view.questionEnd > HEADER_SIZE ? 1 : 0;
  const { counts } = writer;
  const additional = (counts[2] as number) + (edns.present ? 1 : 0);
  out[6] = (counts[0] as number) >> 8;
  out[7] = counts[0] as number;
  out[8] = (counts[1] as number) >> 8;
  out[9] = counts[1] as number;
  out[10] = additional >> 8;
  out[11] = additional;
  return end;
}
