import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { faultOf } from './check-fault.ts';
import type { Check, CheckSpec } from './check-spec.ts';

/** What is asked of whom. */
export interface HttpTarget extends Pick<CheckSpec, 'port' | 'path' | 'host' | 'status' | 'text'> {
  readonly address: string;
  readonly isSecure: boolean;
  readonly verify: boolean;
  readonly keepAlive: boolean;
}

const USER_AGENT = 'isochrone-health (checks whether this service answers)';
/** Read of a body at most, octets. */
const BODY_OCTETS_MAX = 65_536;
const HEADER_OCTETS_MAX = 16_384;

/** Good when a GET is answered with a status that is expected, and a body that holds the text. */
export function httpCheck(target: HttpTarget): Check {
  const pool = { keepAlive: target.keepAlive, maxSockets: 1, maxFreeSockets: 1 };
  const agent = target.isSecure ? new HttpsAgent({ ...pool, maxCachedSessions: 1 }) : new HttpAgent(pool);
  return {
    start: (done) => {
      let request: ClientRequest | undefined;
      let isOver = false;
      const finish = (fault: string): void => {
        if (isOver) return;
        isOver = true;
        done(fault);
      };
      const attempt = (isRetry: boolean): void => {
        request = ask(target, agent);
        request.on('error', (error) => {
          // The server had just closed a connection that was idle: that says nothing of the service.
          if (!isOver && !isRetry && request?.reusedSocket === true) attempt(true);
          else finish(faultOf(error));
        });
        request.on('response', (response) => readResponse(response, target, finish));
        request.end();
      };
      attempt(false);
      return () => {
        isOver = true;
        request?.destroy();
      };
    },
    close: () => agent.destroy(),
  };
}

function ask(target: HttpTarget, agent: HttpAgent | HttpsAgent): ClientRequest {
  const { address, port, path, host, isSecure, verify } = target;
  const common = {
    host: address,
    port,
    path,
    agent,
    maxHeaderSize: HEADER_OCTETS_MAX,
    headers: { 'user-agent': USER_AGENT, accept: '*/*', ...(host === undefined ? {} : { host }) },
  };
  if (!isSecure) return httpRequest(common);
  return httpsRequest({ ...common, servername: host ?? '', rejectUnauthorized: verify });
}

/** Reads the body as far as needed: to its end, so that the connection can serve again, or to a bound. */
function readResponse(response: IncomingMessage, target: HttpTarget, done: (fault: string) => void): void {
  const { statusCode = 0 } = response;
  const { status, text } = target;
  const chunks: Buffer[] = [];
  let octets = 0;
  const judge = (): void => {
    if (!status.includes(statusCode)) done(`status ${statusCode}`);
    else if (text === undefined || Buffer.concat(chunks).includes(text)) done('');
    else done('its body lacks the text');
  };
  response.on('data', (chunk: Buffer) => {
    if (text !== undefined) chunks.push(chunk);
    octets += chunk.length;
    if (octets <= BODY_OCTETS_MAX) return;
    judge();
    response.destroy();
  });
  response.on('end', judge);
  response.on('error', (error) => done(faultOf(error)));
  response.on('aborted', () => done('connection reset'));
}
