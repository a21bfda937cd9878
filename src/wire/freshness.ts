import { RCODE, TYPE } from './constants.ts';
import { HEADER_SIZE } from './query.ts';

/** QTYPE and QCLASS; TYPE, CLASS, TTL and RDLENGTH. */
const QUESTION_TAIL = 4;
const RECORD_TAIL = 10;
/** Octets after the names of SOA's RDATA: five numbers, of which MINIMUM is the last. */
const SOA_MINIMUM_OCTETS = 4;
const TC = 0x02;

/**
 * For how long a response may be kept, in seconds: the least TTL of its answer; of a negative one what its
 * SOA says (RFC 8484 §5.1, RFC 2308 §5); of a referral the least TTL of its authority section. -1: not to be
 * kept, as errors are not. The response is one of ours, whole and sound.
 */
export function freshness(response: DataView): number {
  const rcode = response.getUint8(3) & 15;
  if ((response.getUint8(2) & TC) !== 0 || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN)) return -1;
  let at = HEADER_SIZE;
  for (let left = response.getUint16(4); left > 0; left--) at = afterName(response, at) + QUESTION_TAIL;
  const answers = response.getUint16(6);
  const records = answers + response.getUint16(8);
  let least = -1;
  for (let i = 0; i < records; i++) {
    at = afterName(response, at);
    const end = at + RECORD_TAIL + response.getUint16(at + 8);
    const ttl = response.getUint32(at + 4);
    const isSoa = response.getUint16(at) === TYPE.SOA;
    // Beside an answer, an SOA in the authority section says that the chain of aliases ends at nothing.
    if (i < answers || answers === 0 || isSoa) {
      const own = i >= answers && isSoa ? Math.min(ttl, response.getUint32(end - SOA_MINIMUM_OCTETS)) : ttl;
      least = least < 0 ? own : Math.min(least, own);
    }
    at = end;
  }
  return least;
}

function afterName(view: DataView, at: number): number {
  for (;;) {
    const size = view.getUint8(at);
    if (size === 0) return at + 1;
    if (size >= 0xc0) return at + 2;
    at += size + 1;
  }
}
