import { createDnstapReader } from './dnstap-log.ts';
import { createJsonReader } from './json-log.ts';
import { type CaptureOptions, createPcapReader } from './pcap-log.ts';
import type { LogEvents, LogReader, Questions } from './questions.ts';
import { createTextReader } from './text-log.ts';

/** Kinds of logs that are read, in words. */
export const LOG_FORMATS = {
  json: 'JSON lines',
  dnstap: 'dnstap',
  pcap: 'a capture of packets',
  text: 'the text log of BIND, PowerDNS or Route 53',
} as const;
export type LogFormat = keyof typeof LOG_FORMATS;

const PCAP_MAGIC = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a];

/** The kind of a log by its first four octets or more; undefined: none that is known. */
export function formatOf(start: Uint8Array): LogFormat | undefined {
  if (start.length < 4) return undefined;
  const word = new DataView(start.buffer, start.byteOffset, start.length).getUint32(0);
  if (word === 0) return 'dnstap';
  if (PCAP_MAGIC.includes(word)) return 'pcap';
  if (start[0] === 0x7b) return 'json';
  return start.subarray(0, 4).every((octet) => octet >= 0x20 && octet < 0x7f) ? 'text' : undefined;
}

/** Whether the octets begin a file of gzip (RFC 1952). */
export function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b;
}

/** A reader for a kind of log. */
export function createLogReader(
  format: LogFormat,
  questions: Questions,
  events: LogEvents & CaptureOptions,
): LogReader {
  switch (format) {
    case 'json':
      return createJsonReader(questions, events);
    case 'dnstap':
      return createDnstapReader(questions, events);
    case 'pcap':
      return createPcapReader(questions, events, events);
    case 'text':
      return createTextReader(questions, events);
  }
}
