import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { must } from '../base/assert.ts';
import { RCODE, typeCode } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import { faultOf } from './check-fault.ts';
import type { Check, CheckSpec } from './check-spec.ts';

/** What is asked of whom. */
export interface DnsTarget extends Pick<CheckSpec, 'port' | 'question' | 'rcode'> {
  readonly address: string;
}

const HEADER_OCTETS = 12;

/**
 * Good when a query over UDP is answered with the response code that is expected (RFC 1035 §4.1). Throws for
 * a question that cannot be asked: the configuration was checked.
 */
export function dnsCheck(target: DnsTarget): Check {
  const { address, port, question } = target;
  const name = parseName(question.name, ROOT_NAME);
  if (typeof name === 'string') throw new Error(name);
  const query = Buffer.alloc(HEADER_OCTETS + name.length + 4);
  query.writeUInt16BE(1, 4);
  query.set(name, HEADER_OCTETS);
  query.writeUInt16BE(must(typeCode(question.type), 'type of a question'), HEADER_OCTETS + name.length);
  query.writeUInt16BE(1, HEADER_OCTETS + name.length + 2);
  return {
    start: (done) => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      let isOver = false;
      const finish = (fault: string): void => {
        if (isOver) return;
        isOver = true;
        socket.close();
        done(fault);
      };
      const id = randomInt(65_536);
      query.writeUInt16BE(id, 0);
      socket.on('error', (error) => finish(faultOf(error)));
      socket.on('message', (octets) => {
        if (isReply(octets, query)) finish(rcodeFault(octets, target.rcode));
      });
      // Connected, the socket takes datagrams of this server alone and learns that nothing listens there.
      socket.connect(port, address, () => {
        if (!isOver) socket.send(query);
      });
      return () => {
        if (isOver) return;
        isOver = true;
        socket.close();
      };
    },
    close: () => undefined,
  };
}

/** Whether it responds to this query: id and QR; and the question, unless it could not be read. */
function isReply(octets: Buffer, query: Buffer): boolean {
  if (octets.length < HEADER_OCTETS || octets.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if (((octets[2] as number) & 0x80) === 0) return false;
  if (octets.readUInt16BE(4) === 0) return true;
  const asked = query.subarray(HEADER_OCTETS);
  const repeated = octets.subarray(HEADER_OCTETS, HEADER_OCTETS + asked.length);
  return asked.toString('latin1').toLowerCase() === repeated.toString('latin1').toLowerCase();
}

function rcodeFault(octets: Buffer, expected: string): string {
  const rcode = (octets[3] as number) & 15;
  const name = Object.keys(RCODE).find((key) => RCODE[key as keyof typeof RCODE] === rcode);
  return name === expected ? '' : `response code ${name ?? rcode}`;
}
