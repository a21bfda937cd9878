import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { CLASS } from '../../src/wire/constants.ts';
import type { Hmac, TsigKey } from '../../src/wire/tsig.ts';
import { algorithmName, appendTsig, findTsig, joined, number, seconds } from '../../src/wire/tsig-record.ts';
import { parseMaster } from '../../src/zone/master.ts';

const hmac: Hmac = (hash, secret, octets) => createHmac(hash, secret).update(octets).digest();

/** A record as a message holds it. */
export interface Sent {
  readonly owner: Uint8Array;
  readonly type: number;
  readonly ttl: number;
  readonly rdata: Uint8Array;
  readonly class?: number;
}

/** One message of an answer, or what is done in its place. */
export interface Reply {
  readonly records?: readonly Sent[];
  readonly rcode?: number;
  /** Octets in place of a message. */
  readonly raw?: Uint8Array;
  /** Of the message as it is sent, before its length. */
  readonly change?: (message: Uint8Array) => void;
  /** The connection ends here. */
  readonly ends?: boolean;
  readonly unsigned?: boolean;
  /** Signed with this key in place of the right one. */
  readonly key?: TsigKey;
}

/** Records of a master file's text. */
export function records(origin: Uint8Array, text: string): Sent[] {
  const read = parseMaster({ text, file: 'test', origin, read: () => undefined });
  if (read.problems.length > 0) throw new Error(JSON.stringify(read.problems));
  return [...read.records];
}

/**
 * A name server that answers questions of each type as it is told, honest or not, over TCP, or TLS with these
 * options; gives its port.
 */
export async function startPrimary(
  context: TestContext,
  script: (qtype: number) => readonly Reply[] | Generator<Reply>,
  key?: TsigKey,
  tls?: TlsOptions,
): Promise<number> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    let held = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length > 2 && held.length >= 2 + held.readUInt16BE()) {
        const query = Uint8Array.from(held.subarray(2, 2 + held.readUInt16BE()));
        held = held.subarray(2 + query.length);
        void answer(socket, query, script, key);
      }
    });
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as { port: number }).port;
}

async function answer(
  socket: Socket,
  query: Uint8Array,
  script: (qtype: number) => readonly Reply[] | Generator<Reply>,
  key: TsigKey | undefined,
): Promise<void> {
  let end = 12;
  while (query[end] !== 0) end += (query[end] as number) + 1;
  end += 5;
  const qtype = ((query[end - 4] as number) << 8) | (query[end - 3] as number);
  const record = findTsig(query);
  const mac = typeof record === 'object' ? record.mac : undefined;
  const signer = createSigner(mac);
  for (const reply of script(qtype)) {
    if (reply.ends === true) return void socket.end();
    const plain = reply.raw ?? build(query.subarray(0, end), reply);
    const by = reply.key ?? key;
    const isSigned = by !== undefined && reply.unsigned !== true && reply.raw === undefined;
    const message = isSigned ? signer.sign(plain, by) : signer.pass(plain);
    reply.change?.(message);
    const framed = Buffer.alloc(2 + message.length);
    framed.writeUInt16BE(message.length);
    framed.set(message, 2);
    if (!socket.write(framed)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    // The client is in this process.
    await new Promise(setImmediate);
    if (socket.destroyed) return;
  }
}

/** Signs messages of one answer, with those between that have no signature (RFC 8945 §5.3.1). */
function createSigner(request: Uint8Array | undefined) {
  let prior = request ?? new Uint8Array(0);
  let between: Uint8Array[] = [];
  let isFirst = true;
  return {
    pass: (message: Uint8Array): Uint8Array => {
      between.push(message.slice());
      return message;
    },
    sign: (message: Uint8Array, key: TsigKey): Uint8Array => {
      const signedS = Math.floor(Date.now() / 1000);
      const timers = joined([seconds(signedS), number(300, 2)]);
      const names = joined([key.wireName, number(CLASS.ANY, 2), number(0, 4), algorithmName(key.algorithm)]);
      const tail = isFirst ? joined([names, timers, number(0, 4)]) : timers;
      const digest = joined([number(prior.length, 2), prior, ...between, message, tail]);
      const mac = hmac(key.algorithm.replace('hmac-', ''), key.secret, digest);
      [prior, between, isFirst] = [mac, [], false];
      const out = new Uint8Array(65_535);
      out.set(message);
      const fields = { signedS, fudgeS: 300, error: 0, other: new Uint8Array(0) };
      const tsig = { ...fields, keyName: key.wireName, algorithm: key.algorithm, mac };
      return out.slice(0, appendTsig(out, message.length, tsig));
    },
  };
}

function build(head: Uint8Array, reply: Reply): Uint8Array {
  const { records: sent = [], rcode = 0 } = reply;
  const octets = new Uint8Array(65_535);
  const view = new DataView(octets.buffer);
  octets.set(head);
  octets[2] = 0x84;
  octets[3] = rcode;
  view.setUint16(4, 1);
  view.setUint16(6, sent.length);
  view.setUint32(8, 0);
  let at = head.length;
  for (const { owner, type, ttl, rdata, class: kind = CLASS.IN } of sent) {
    octets.set(owner, at);
    at += owner.length;
    view.setUint16(at, type);
    view.setUint16(at + 2, kind);
    view.setUint32(at + 4, ttl);
    view.setUint16(at + 8, rdata.length);
    octets.set(rdata, at + 10);
    at += 10 + rdata.length;
  }
  return octets.slice(0, at);
}
