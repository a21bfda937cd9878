import { randomBytes } from 'node:crypto';
import { oneChunk, peekBody } from '../body.ts';
import { denial } from '../denial.ts';
import { headerOf, withHeader, withoutHeaders } from '../headers.ts';
import type { PopRequest, PopResponse, RequestContext, Stage } from '../request-path.ts';
import { queryOf } from '../target.ts';
import { encryptForm, type Profile } from './form.ts';

/** Field-level encryption of a behaviour. */
export interface FieldEncryption {
  /** For forms whose target names no profile; undefined: these pass as they are. */
  readonly profile: Profile | undefined;
  /** By the value of the query argument `fle-profile`. */
  readonly queryProfiles: ReadonlyMap<string, Profile>;
  /** Whether forms that name a profile that is not there pass, by `profile` if there is one. */
  readonly forwardUnknownProfile: boolean;
  /** Whether bodies that are no urlencoded forms pass as they are. */
  readonly forwardUnknownType: boolean;
}

/** Octets of a form. */
const BODY_OCTETS_MAX = 1_048_576;
const FORM = 'application/x-www-form-urlencoded';
const METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** Encrypts fields of forms, before anything behind this POP sees them. */
export function fieldEncryptionStage(encryption: FieldEncryption): Stage {
  return {
    name: 'fle',
    run: async (request, context) => {
      if (!METHODS.has(request.method) || request.body === undefined) return undefined;
      const type = headerOf(request.headers, 'content-type')?.split(';')[0]?.trim().toLowerCase();
      if (type !== FORM)
        return encryption.forwardUnknownType
          ? pass(context, 'ForwardedByContentType')
          : refuse(context, 400, 'RejectedByContentType', 'Only urlencoded forms are taken here');
      const profile = profileOf(encryption, request);
      if (profile === 'unknown') return refuse(context, 400, 'RejectedByQueryArgs', 'No such fle-profile');
      if (profile === undefined) return pass(context, 'ForwardedDueToNoProfile');
      // What is packed cannot be looked into, and must not pass unseen.
      if ((headerOf(request.headers, 'content-encoding') ?? 'identity') !== 'identity')
        return refuse(context, 415, 'MalformedContentTypeClientError', 'The form must not be compressed');
      return encrypt(request, context, profile);
    },
  };
}

async function encrypt(
  request: PopRequest,
  context: RequestContext,
  profile: Profile,
): Promise<PopResponse | undefined> {
  const { start, isWhole } = await peekBody(request.body, BODY_OCTETS_MAX);
  if (!isWhole) {
    const message = `A form has at most ${BODY_OCTETS_MAX} octets`;
    return refuse(context, 413, 'RequestLengthLimitClientError', message);
  }
  const outcome = encryptForm(start, profile, randomBytes);
  if (outcome.status !== 'Processed') {
    const isTooLarge = outcome.status !== 'MalformedInputClientError';
    return refuse(context, isTooLarge ? 413 : 400, outcome.status, 'The form cannot be encrypted');
  }
  const { body, encrypted } = outcome;
  request.body = body.length === 0 ? undefined : oneChunk(body);
  request.headers = withHeader(
    withoutHeaders(request.headers, 'transfer-encoding', 'content-md5', 'content-digest'),
    'content-length',
    String(body.length),
  );
  context.logFields.set('fle-encrypted-fields', String(encrypted));
  return pass(context, 'Processed');
}

function profileOf(encryption: FieldEncryption, request: PopRequest): Profile | 'unknown' | undefined {
  const named = queryOf(request.target)
    .split('&')
    .find((pair) => pair.startsWith('fle-profile='))
    ?.slice('fle-profile='.length);
  if (named === undefined) return encryption.profile;
  const profile = encryption.queryProfiles.get(named);
  return profile ?? (encryption.forwardUnknownProfile ? encryption.profile : 'unknown');
}

function pass(context: RequestContext, status: string): undefined {
  context.logFields.set('fle-status', status);
}

function refuse(context: RequestContext, status: number, code: string, message: string): PopResponse {
  context.logFields.set('fle-status', code);
  return denial(status, code, message);
}
