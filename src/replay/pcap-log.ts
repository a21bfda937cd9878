import { isKnownLink, segmentOf } from './packets.ts';
import {
  BrokenLog,
  capturedQuestion,
  createStream,
  type LogEvents,
  type LogReader,
  type Questions,
  queryFault,
} from './questions.ts';
import { createTcpStreams } from './tcp-streams.ts';

/** Octets of a captured packet or block at most: a longer one is none. */
const BLOCK_MAX = 1 << 20;
const BLOCK = { SECTION: 0x0a0d0d0a, INTERFACE: 1, SIMPLE: 3, ENHANCED: 6 } as const;
const ORDER_MAGIC = 0x1a2b3c4d;
const OPTION_TSRESOL = 9;
const MICROSECONDS = 1e6;

/** What a reader needs to know of a capture. */
export interface CaptureOptions {
  /** The server's port: queries go there. */
  readonly port: number;
}

/** Takes a packet: octets, kind of link, time, and how to say where it stands. */
type TakePacket = (packet: Uint8Array, link: number, atMs: number, place: () => string) => void;

/** Reads captures: pcap in all its byte orders and resolutions, pcapng. */
export function createPcapReader(
  questions: Questions,
  events: LogEvents,
  { port }: CaptureOptions,
): LogReader {
  const stream = createStream();
  const streams = createTcpStreams();
  const take: TakePacket = (packet, link, atMs, place) => {
    const segment = segmentOf(packet, link);
    if (typeof segment === 'string') {
      events.onSkipped(segment);
      return;
    }
    const { protocol, toPort, from: client, payload } = segment;
    if (toPort !== port) {
      events.onSkipped(`packets to other ports than ${port}`);
      return;
    }
    const messages = protocol === 'udp' ? [payload] : streams.take(segment);
    for (const message of messages) {
      const fault = queryFault(message);
      if (fault === 'a response') events.onSkipped('responses');
      else if (fault !== undefined) events.onDamaged(place(), `a query is ${fault}`);
      else {
        const question = capturedQuestion(questions, message, { client, transport: protocol });
        if (question !== undefined) events.onQuery(question, atMs);
      }
    }
  };
  let step: (() => boolean) | undefined;
  return {
    push: (chunk) => {
      stream.push(chunk);
      if (stream.length() < 28) return;
      const isBlocks = view(stream.peek(4)).getUint32(0) === BLOCK.SECTION;
      step ??= isBlocks ? blockStep(stream, take) : packetStep(stream, take);
      while (step());
    },
    end: () => {
      const place = `octet ${stream.offset()}`;
      if (stream.length() > 0) events.onDamaged(place, `cut after ${stream.length()} octets`);
      if (streams.lost() > 0)
        events.onDamaged('TCP', `${streams.lost()} octets of streams with gaps were passed over`);
    },
  };
}

/** Reads the file header, then gives what takes one packet; false: not enough is there. */
function packetStep(stream: ReturnType<typeof createStream>, take: TakePacket): () => boolean {
  const head = view(stream.peek(24));
  const isLittle = [0xa1b2c3d4, 0xa1b23c4d].includes(head.getUint32(0, true));
  const perSecond = head.getUint32(0, isLittle) === 0xa1b23c4d ? 1e9 : MICROSECONDS;
  const link = head.getUint32(20, isLittle) & 0xffff;
  if (!isKnownLink(link)) throw new BrokenLog('octet 20', `captures over links of type ${link} are not read`);
  stream.skip(24);
  let packets = 0;
  const place = (): string => `packet ${packets + 1} at octet ${stream.offset()}`;
  return () => {
    if (stream.length() < 16) return false;
    const record = view(stream.peek(16));
    const length = record.getUint32(8, isLittle);
    if (length > BLOCK_MAX) throw new BrokenLog(place(), `says that it has ${length} octets: this is none`);
    if (stream.length() < 16 + length) return false;
    const atMs = 1000 * (record.getUint32(0, isLittle) + record.getUint32(4, isLittle) / perSecond);
    take(stream.peek(16 + length).subarray(16), link, atMs, place);
    stream.skip(16 + length);
    packets++;
    return true;
  };
}

/** Takes one block of a pcapng file (draft-ietf-opsawg-pcapng). */
function blockStep(stream: ReturnType<typeof createStream>, take: TakePacket): () => boolean {
  let isLittle = true;
  let interfaces: { readonly link: number; readonly perSecond: number }[] = [];
  let blocks = 0;
  let lastMs = Number.NaN;
  const place = (): string => `block ${blocks + 1} at octet ${stream.offset()}`;
  return () => {
    if (stream.length() < 12) return false;
    const head = view(stream.peek(12));
    const isSection = head.getUint32(0) === BLOCK.SECTION;
    if (isSection) isLittle = head.getUint32(8, true) === ORDER_MAGIC;
    const length = head.getUint32(4, isLittle);
    if (length < 12 || length % 4 !== 0 || length > BLOCK_MAX)
      throw new BrokenLog(place(), `says that it has ${length} octets: this is no block`);
    if (stream.length() < length) return false;
    const octets = stream.peek(length);
    const block = view(octets);
    const type = head.getUint32(0, isLittle);
    if (isSection) interfaces = [];
    else if (type === BLOCK.INTERFACE) {
      const link = block.getUint16(8, isLittle);
      if (!isKnownLink(link))
        throw new BrokenLog(place(), `captures over links of type ${link} are not read`);
      interfaces.push({ link, perSecond: resolutionOf(octets.subarray(16, length - 4), isLittle) });
    } else if (type === BLOCK.ENHANCED && length >= 32) {
      const on = interfaces[block.getUint32(8, isLittle)];
      const captured = block.getUint32(20, isLittle);
      if (on === undefined || captured > length - 32)
        throw new BrokenLog(place(), 'a packet longer than its block, or of no interface');
      const ticks = block.getUint32(12, isLittle) * 2 ** 32 + block.getUint32(16, isLittle);
      lastMs = (1000 * ticks) / on.perSecond;
      take(octets.subarray(28, 28 + captured), on.link, lastMs, place);
    } else if (type === BLOCK.SIMPLE && length >= 16 && interfaces[0] !== undefined) {
      // It has no time of its own: that of the packet before it is near.
      const captured = Math.min(block.getUint32(8, isLittle), length - 16);
      take(octets.subarray(12, 12 + captured), interfaces[0].link, Number.isNaN(lastMs) ? 0 : lastMs, place);
    }
    stream.skip(length);
    blocks++;
    return true;
  };
}

/** Ticks a second of an interface's times. */
function resolutionOf(options: Uint8Array, isLittle: boolean): number {
  const all = view(options);
  for (let at = 0; at + 4 <= options.length; ) {
    const code = all.getUint16(at, isLittle);
    const length = all.getUint16(at + 2, isLittle);
    const value = options[at + 4];
    if (code === OPTION_TSRESOL && value !== undefined)
      return (value & 0x80) === 0 ? 10 ** value : 2 ** (value & 0x7f);
    if (code === 0) break;
    at += 4 + ((length + 3) & ~3);
  }
  return MICROSECONDS;
}

function view(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
