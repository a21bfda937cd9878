import { encryptMessage, PLAINTEXT_MAX, type Recipient } from './message.ts';

/** Which fields of a form are encrypted, and for whom. */
export interface Profile extends Recipient {
  readonly name: string;
  /** Names of fields; a `*` at the end stands for any ending. */
  readonly fields: readonly string[];
}

/** What became of a form, in the words of the access log's `fle-status`. */
export type FormOutcome =
  | { readonly status: 'Processed'; readonly body: Buffer; readonly encrypted: number }
  | {
      readonly status:
        | 'MalformedInputClientError'
        | 'FieldLengthLimitClientError'
        | 'FieldNumberLimitClientError';
    };

/** Fields of one form that are encrypted. */
const ENCRYPTED_MAX = 10;

/**
 * A urlencoded form with the values of the profile's fields encrypted: base64 of a message, percent-encoded.
 * All else stays to the octet. A form that cannot be read whole is refused: nothing may pass in the clear
 * because it was written oddly.
 */
export function encryptForm(
  form: Uint8Array,
  profile: Profile,
  random: (octets: number) => Uint8Array,
): FormOutcome {
  const text = Buffer.from(form).toString('latin1');
  let encrypted = 0;
  const pairs: string[] = [];
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    if (name === undefined) return { status: 'MalformedInputClientError' };
    if (at < 0 || !isMeant(profile, name.toString('utf8'))) {
      pairs.push(pair);
      continue;
    }
    const value = decode(pair.slice(at + 1));
    if (value === undefined) return { status: 'MalformedInputClientError' };
    if (value.length > PLAINTEXT_MAX) return { status: 'FieldLengthLimitClientError' };
    if (++encrypted > ENCRYPTED_MAX) return { status: 'FieldNumberLimitClientError' };
    const message = encryptMessage(value, profile, random).toString('base64');
    pairs.push(`${pair.slice(0, at)}=${encodeURIComponent(message)}`);
  }
  return { status: 'Processed', body: Buffer.from(pairs.join('&'), 'latin1'), encrypted };
}

function isMeant({ fields }: Profile, name: string): boolean {
  return fields.some((field) => (field.endsWith('*') ? name.startsWith(field.slice(0, -1)) : name === field));
}

/** The octets that a urlencoded text stands for; undefined where a `%` is followed by no octet. */
function decode(text: string): Buffer | undefined {
  if (/%(?![0-9a-f]{2})/i.test(text)) return undefined;
  const plain = text
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}
