import { answer } from '../answer/answer.ts';
import { emptyOutcome, type Outcome } from '../answer/context.ts';
import { type Address, emptyAddress, familyBits } from '../base/address.ts';
import type { Answering } from '../server/answering.ts';
import { CLASS, OPTION, TYPE } from '../wire/constants.ts';

const HEADER_OCTETS = 12;
/** Payload size that our OPT names, octets. */
const UDP_OCTETS = 1232;
const query = new Uint8Array(512);
const response = new Uint8Array(4096);

/**
 * Asks the answering code of this thread with a real query message that names the client in a client-subnet
 * option: the same function on the same tables as in the serving threads. Gives what it decided.
 */
export function askHere(
  answering: Answering,
  question: { readonly name: Uint8Array; readonly type: number; readonly client: Address },
): Outcome {
  const { name, type, client } = question;
  query.fill(0, 0, HEADER_OCTETS);
  query[5] = 1;
  query.set(name, HEADER_OCTETS);
  let end = HEADER_OCTETS + name.length;
  query.set([type >> 8, type & 0xff, 0, CLASS.IN], end);
  end += 4;
  const opt = clientSubnet(client);
  query[11] = 1;
  query.set(opt, end);
  const { context } = answering;
  answer(context, query, end + opt.length, { address: emptyAddress(), port: 53, transport: 'tcp' }, response);
  return Object.assign(emptyOutcome(), context.outcome);
}

/** OPT with the client's whole address as client subnet (RFC 7871 §6). */
function clientSubnet(client: Address): Uint8Array {
  const bits = familyBits(client.family);
  const octets = client.octets.subarray(0, bits / 8);
  const option = [0, OPTION.ECS, 0, 4 + octets.length, 0, client.family === 4 ? 1 : 2, bits, 0, ...octets];
  const fixed = [0, 0, TYPE.OPT, UDP_OCTETS >> 8, UDP_OCTETS & 0xff, 0, 0, 0, 0];
  return Uint8Array.of(...fixed, option.length >> 8, option.length & 0xff, ...option);
}
