import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { OperatorError } from '../base/errors.ts';

/** One request as it went over this machine's loopback: all of it measured, ms. */
export interface ProbedRequest {
  readonly tcpMs: number;
  readonly tlsMs: number;
  /** From the request to the head of its answer. */
  readonly headMs: number;
  readonly transferMs: number;
  readonly tlsVersion: string;
  readonly cipher: string;
  readonly resumed: boolean;
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** Octets of the body. */
  readonly octets: number;
}

/** What is to be asked, and how. */
export interface ProbeOptions {
  readonly url: URL;
  readonly address: string;
  readonly port: number;
  readonly caFile: string;
  readonly client: string;
  readonly tls12: boolean;
  /** Whether the handshake resumes the session of one just before. */
  readonly resume: boolean;
  /** Whether the POP has to open a connection to the origin for it, if it asks there. */
  readonly opensAnew: boolean;
  /** Absent: GET. */
  readonly method?: string | undefined;
  /** Fields beside those that every request has. */
  readonly headers?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly body?: string | undefined;
}

const TIMEOUT_MS = 30_000;

/**
 * Asks a POP once; to resume, once before for the ticket. Throws `OperatorError`: `server-unreachable`, or
 * `not-found` where the authority's certificate is not.
 */
export async function probeRequest(options: ProbeOptions): Promise<ProbedRequest> {
  const ca = authorityIn(options.caFile);
  try {
    const first = { ...options, ca, ...healthOf(options.url) };
    const session = options.resume ? (await probe(first, undefined)).session : undefined;
    return await probe({ ...options, ca }, session);
  } catch (error) {
    const where = `${options.address}:${options.port}`;
    const message = `the POP gave no answer: ${(error as Error).message}`;
    throw new OperatorError('server-unreachable', [{ file: where, message }]);
  }
}

/** What a POP answers itself: asks nobody else, and changes nothing. */
export function healthOf(url: URL): Pick<ProbeOptions, 'url' | 'method' | 'headers' | 'body'> {
  return { url: new URL('/healthz', url), method: 'GET', headers: {}, body: undefined };
}

function authorityIn(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `the POPs' authority cannot be read (${code}): --ca FILE says where its certificate is`;
    throw new OperatorError('not-found', [{ file, message }]);
  }
}

async function probe(
  options: ProbeOptions & { readonly ca: Buffer },
  session: Buffer | undefined,
): Promise<ProbedRequest & { readonly session: Buffer | undefined }> {
  const { url, address, port, ca, tls12 } = options;
  const startMs = performance.now();
  const tcp = await opened(connectTcp({ host: address, port, ...sourceFor(address) }), 'connect');
  const connectedMs = performance.now();
  let newest: Buffer | undefined;
  const version = tls12 ? 'TLSv1.2' : 'TLSv1.3';
  const tls = connectTls({
    socket: tcp,
    servername: url.hostname,
    ca,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  tls.on('session', (own: Buffer) => {
    newest = own;
  });
  await opened(tls, 'secureConnect');
  const securedMs = performance.now();
  const resumed = tls.isSessionReused();
  const answer = await ask(options, tls);
  const own = newest ?? tls.getSession();
  tls.destroy();
  return {
    tcpMs: connectedMs - startMs,
    tlsMs: securedMs - connectedMs,
    headMs: answer.headAtMs - securedMs,
    transferMs: answer.endAtMs - answer.headAtMs,
    tlsVersion: tls12 ? 'TLSv1.2' : 'TLSv1.3',
    cipher: answer.cipher,
    resumed,
    status: answer.status,
    headers: answer.headers,
    octets: answer.octets,
    session: own,
  };
}

/** Not that of other programs, whose delays may be real (`up --real-delays --here`): here they are added. */
function sourceFor(address: string): { localAddress?: string } {
  return address.startsWith('127.') && process.platform === 'linux' ? { localAddress: '127.0.0.2' } : {};
}

interface Answer extends Pick<ProbedRequest, 'status' | 'headers' | 'octets' | 'cipher'> {
  readonly headAtMs: number;
  readonly endAtMs: number;
}

function ask(options: ProbeOptions, tls: TLSSocket): Promise<Answer> {
  const { url, client, opensAnew, method = 'GET', headers: more, body } = options;
  const cipher = tls.getCipher()?.name ?? '';
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => tls,
      method,
      path: url.pathname + url.search,
      headers: {
        ...more,
        host: url.host,
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        'x-isochrone-trace': opensAnew ? 'cold' : '1',
        'x-isochrone-client': client,
      },
    });
    asked.setTimeout(TIMEOUT_MS, () => asked.destroy(new Error(`none within ${TIMEOUT_MS / 1000} s`)));
    asked.on('error', reject);
    asked.on('response', (response) => {
      const headAtMs = performance.now();
      let octets = 0;
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length;
      });
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, octets, cipher, headAtMs, endAtMs: performance.now() });
      });
    });
    asked.end(body);
  });
}

function opened<T extends Socket>(socket: T, event: 'connect' | 'secureConnect'): Promise<T> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`none within ${TIMEOUT_MS / 1000} s`)));
    socket.once('error', reject);
    socket.once(event, () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
