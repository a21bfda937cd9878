import { parseAddress } from '../../base/address.ts';
import { denial } from '../denial.ts';
import { headerOf } from '../headers.ts';
import type { PopRequest, PopResponse, Stage } from '../request-path.ts';
import { credentialsOf, withoutSigningCookies } from './credentials.ts';
import { type Refusal, type TrustedKeys, verifyCredentials } from './verify.ts';

/**
 * Only signed requests pass: those with a signed URL, or with signed cookies, of a trusted key. What signs
 * goes no further, neither to caches nor to the origin.
 */
export function signedStage(keys: TrustedKeys): Stage {
  return {
    name: 'signed',
    run: (request, context) => {
      const { credentials, target } = credentialsOf(request.receivedTarget, request.headers);
      if (credentials === 'missing')
        return denial(403, 'MissingKey', 'Missing Key-Pair-Id query parameter or cookie value');
      if (credentials === 'incomplete')
        return denial(403, 'MalformedCredentials', 'Signing parameters are missing, or stand twice');
      const refused = verifyCredentials(credentials, keys, {
        urls: urlsOf(request, target),
        client: parseAddress(request.clientAddress),
        nowMs: context.clock.nowMs(),
      });
      if (refused !== undefined) return refusalOf(refused);
      if (credentials.from === 'url') request.target = target;
      request.headers = withoutSigningCookies(request.headers);
      return undefined;
    },
  };
}

/** With the port as the client wrote it, and without: signers know the name, not always the port. */
function urlsOf(request: PopRequest, target: string): string[] {
  const scheme = request.tls === undefined ? 'http' : 'https';
  const { headers, host } = request;
  const written = (headerOf(headers, 'host') ?? headerOf(headers, ':authority') ?? host).toLowerCase();
  return Array.from(new Set([written, host]), (name) => `${scheme}://${name}${target}`);
}

function refusalOf(refused: Refusal): PopResponse {
  if (refused === 'UnknownKey') return denial(403, 'InvalidKey', 'Unknown Key');
  if (refused === 'MalformedPolicy') return denial(403, 'MalformedPolicy', 'Malformed Policy');
  return denial(403, 'AccessDenied', 'Access denied');
}
