import { CLASS, RCODE } from './constants.ts';
import {
  algorithmName,
  appendTsig,
  findTsig,
  joined,
  number,
  seconds,
  type TsigFields,
  type TsigRecord,
  tsigRecordSize,
} from './tsig-record.ts';

/** A key that messages are signed with (RFC 8945): plain data, so that it can be posted to a thread. */
export interface TsigKey {
  /** As access lists have it: in small letters, without the last dot. */
  readonly name: string;
  /** The same in wire form. */
  readonly wireName: Uint8Array;
  readonly algorithm: TsigAlgorithm;
  readonly secret: Uint8Array;
}

/** Makes an HMAC of octets; `hash` as OpenSSL calls it. Wire does no cryptography of its own. */
export type Hmac = (hash: string, secret: Uint8Array, octets: Uint8Array) => Uint8Array;

const HASHES = {
  'hmac-sha224': 'sha224',
  'hmac-sha256': 'sha256',
  'hmac-sha384': 'sha384',
  'hmac-sha512': 'sha512',
} as const;

export type TsigAlgorithm = keyof typeof HASHES;
/** Algorithms that keys may have: those of RFC 8945 §6 that are not to be avoided. */
export const TSIG_ALGORITHMS = Object.keys(HASHES) as TsigAlgorithm[];

/** Values of a TSIG record's error field (RFC 8945 §3). */
export const TSIG_ERROR = { NONE: 0, BADSIG: 16, BADKEY: 17, BADTIME: 18, BADTRUNC: 22 } as const;

/** Seconds that clocks may differ (RFC 8945 §10). */
const FUDGE_S = 300;
/** Messages without a signature between two with one (RFC 8945 §5.3.1). */
const UNSIGNED_MAX = 99;

/** What became of a signature. */
export interface Verified {
  readonly error: number;
  /** The key that was meant, if there is such a one. */
  readonly key: TsigKey | undefined;
}

/**
 * Whether a request is signed as it says, by one of these keys, and within its time (RFC 8945 §5.2). Seconds
 * are those since 1970 UTC.
 */
export function verifyRequest(
  octets: Uint8Array,
  record: TsigRecord,
  by: { readonly keys: readonly TsigKey[]; readonly hmac: Hmac; readonly nowS: number },
): Verified {
  const key = by.keys.find(
    ({ wireName, algorithm }) =>
      same(wireName, record.keyName) && same(algorithmName(algorithm), record.algorithm),
  );
  if (key === undefined) return { error: TSIG_ERROR.BADKEY, key };
  const error = fault(key, record, [unsigned(octets, record), variables(key, record)], by);
  return { error, key };
}

/** Signs and verifies the messages of one exchange, in their order. */
export interface TsigExchange {
  /**
   * Appends a TSIG record to the message in `out`, which must have `tsigSize` octets of room. Returns the
   * length with it.
   */
  readonly sign: (out: Uint8Array, length: number, nowS: number) => number;
  /**
   * Checks the next message of the other side: undefined if it is sound (signed, or one of those between two
   * that are), else what is wrong.
   */
  readonly verify: (octets: Uint8Array, nowS: number) => string | undefined;
  /** Whether the last message that was verified had a signature of its own: the last of all must. */
  readonly isClosed: () => boolean;
}

/**
 * An exchange signed with `key`: on the side that asks, without `request`; on the side that answers,
 * `request` is the MAC of the question. The first message has all variables, each further one of an answer
 * the timers alone (RFC 8945 §5.3.1).
 */
export function createExchange(key: TsigKey, hmac: Hmac, request?: Uint8Array): TsigExchange {
  let prior = request;
  let isFirst = true;
  let between: Uint8Array[] = [];
  const size = hmac(HASHES[key.algorithm], key.secret, new Uint8Array(0)).length;
  return {
    sign: (out, length, nowS) => {
      const fields = { signedS: nowS, fudgeS: FUDGE_S, error: 0, other: new Uint8Array(0) };
      const tail = isFirst ? variables(key, fields) : timers(fields);
      const digest = joined([...lengthAnd(prior), out.subarray(0, length), tail]);
      const mac = hmac(HASHES[key.algorithm], key.secret, digest);
      prior = mac;
      // Who asks signs once; what follows is the answer, whose first message has all variables.
      isFirst = request === undefined;
      return appendTsig(out, length, { ...fields, keyName: key.wireName, algorithm: key.algorithm, mac });
    },
    verify: (octets, nowS) => {
      const record = findTsig(octets);
      if (typeof record === 'string') return record;
      if (record === undefined) {
        if (isFirst || between.length >= UNSIGNED_MAX) return 'it is not signed';
        between.push(Uint8Array.from(octets));
        return undefined;
      }
      if (!same(record.keyName, key.wireName)) return 'it is signed with another key';
      if (record.error !== 0) return `the other side says ${tsigErrorName(record.error)}`;
      if (record.mac.length !== size) return 'its signature has another length';
      const tail = isFirst ? variables(key, record) : timers(record);
      const parts = [...lengthAnd(prior), ...between, unsigned(octets, record), tail];
      const error = fault(key, record, parts, { hmac, nowS });
      if (error !== 0) return `its signature is not right: ${tsigErrorName(error)}`;
      prior = record.mac;
      isFirst = false;
      between = [];
      return undefined;
    },
    isClosed: () => between.length === 0,
  };
}

/**
 * Appends the TSIG record that says why a request is not taken (RFC 8945 §5.2, 5.3.2): signed only where its
 * time alone is wrong.
 */
export function appendTsigError(
  out: Uint8Array,
  length: number,
  options: {
    readonly record: TsigRecord;
    readonly verified: Verified;
    readonly hmac: Hmac;
    readonly nowS: number;
  },
): number {
  const { record, verified, hmac, nowS } = options;
  const { error, key } = verified;
  const isLate = error === TSIG_ERROR.BADTIME && key !== undefined;
  const other = isLate ? seconds(nowS) : new Uint8Array(0);
  const fields = { signedS: isLate ? record.signedS : nowS, fudgeS: FUDGE_S, error, other };
  const tsig = { ...fields, keyName: record.keyName, mac: new Uint8Array(0), algorithm: record.algorithm };
  if (!isLate) return appendTsig(out, length, tsig);
  const digest = joined([...lengthAnd(record.mac), out.subarray(0, length), variables(key, fields)]);
  return appendTsig(out, length, { ...tsig, mac: hmac(HASHES[key.algorithm], key.secret, digest) });
}

/** Octets that the TSIG record of this key takes. */
export function tsigSize({ wireName, algorithm }: TsigKey): number {
  return tsigRecordSize(wireName, algorithm);
}

/** The response code that goes with a TSIG error. */
export const TSIG_RCODE = RCODE.NOTAUTH;

function tsigErrorName(error: number): string {
  return Object.entries(TSIG_ERROR).find(([, code]) => code === error)?.[0] ?? `error ${error}`;
}

/** What is wrong with a MAC over these parts, in the order of RFC 8945 §5.2. */
function fault(
  key: TsigKey,
  record: TsigRecord,
  parts: readonly Uint8Array[],
  { hmac, nowS }: { readonly hmac: Hmac; readonly nowS: number },
): number {
  const mac = hmac(HASHES[key.algorithm], key.secret, joined(parts));
  const { length } = record.mac;
  if (length > mac.length) return TSIG_ERROR.BADSIG;
  if (!equalInTime(mac.subarray(0, length), record.mac) || length === 0) return TSIG_ERROR.BADSIG;
  // Truncated ones are not taken: no peer needs them.
  if (length < mac.length) return TSIG_ERROR.BADTRUNC;
  return Math.abs(nowS - record.signedS) > record.fudgeS ? TSIG_ERROR.BADTIME : TSIG_ERROR.NONE;
}

/** The message as it was before it was signed: without the record, with the ID that was signed. */
function unsigned(octets: Uint8Array, { at, originalId }: TsigRecord): Uint8Array {
  // A copy also of a Buffer, whose own slice is none.
  const message = Uint8Array.from(octets.subarray(0, at));
  const view = new DataView(message.buffer);
  view.setUint16(0, originalId);
  view.setUint16(10, view.getUint16(10) - 1);
  return message;
}

/** RFC 8945 §4.3.3. */
function variables(key: TsigKey, { signedS, fudgeS, error, other }: TsigFields): Uint8Array {
  return joined([
    key.wireName,
    number(CLASS.ANY, 2),
    number(0, 4),
    algorithmName(key.algorithm),
    seconds(signedS),
    number(fudgeS, 2),
    number(error, 2),
    number(other.length, 2),
    other,
  ]);
}

function timers({ signedS, fudgeS }: TsigFields): Uint8Array {
  return joined([seconds(signedS), number(fudgeS, 2)]);
}

/** A MAC that is digested has its length before it. */
function lengthAnd(mac: Uint8Array | undefined): Uint8Array[] {
  return mac === undefined ? [] : [number(mac.length, 2), mac];
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, i) => octet === right[i]);
}

/** Looks at all octets, so that time tells nothing of where the first differs. */
function equalInTime(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let i = 0; i < left.length; i++) difference |= (left[i] as number) ^ (right[i] as number);
  return difference === 0;
}
