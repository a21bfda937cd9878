import { constants, createCipheriv, hkdfSync, type KeyObject, publicEncrypt } from 'node:crypto';

/** Whom a message is for. */
export interface Recipient {
  /** Provider id of the wrapped key: the key namespace of who decrypts. */
  readonly provider: string;
  /** Provider info of the wrapped key: its name. */
  readonly keyName: string;
  /** RSA. */
  readonly publicKey: KeyObject;
}

/** Octets that a message can hold: one frame. */
export const PLAINTEXT_MAX = 16_384;

/**
 * AES-256-GCM, HKDF-SHA-512 and a key commitment, without signature: what every release of the AWS
 * Encryption SDK since 2.0 reads under each of its commitment policies.
 */
const SUITE = Buffer.of(0x04, 0x78);
const VERSION = Buffer.of(2);
const CONTENT_FRAMED = Buffer.of(2);
const FINAL_FRAME = word(0xffffffff);
const FIRST_SEQUENCE = word(1);
const TAG_OCTETS = 16;

/**
 * A message in the AWS Encryption SDK's format, version 2, of one frame; the data key is wrapped by
 * RSA-OAEP with SHA-256. `random` gives as many random octets as it is asked for.
 * Source: AWS Encryption SDK developer guide, "Message format reference".
 */
export function encryptMessage(
  plaintext: Uint8Array,
  recipient: Recipient,
  random: (octets: number) => Uint8Array,
): Buffer {
  const messageId = random(32);
  const dataKey = random(32);
  const derived = (info: Uint8Array): Buffer => Buffer.from(hkdfSync('sha512', dataKey, messageId, info, 32));
  const key = derived(Buffer.concat([SUITE, Buffer.from('DERIVEKEY')]));
  const header = Buffer.concat([
    VERSION,
    SUITE,
    messageId,
    half(0), // no encryption context
    half(1), // one wrapped key
    field(Buffer.from(recipient.provider, 'utf8')),
    field(Buffer.from(recipient.keyName, 'utf8')),
    field(wrapped(dataKey, recipient.publicKey)),
    CONTENT_FRAMED,
    word(PLAINTEXT_MAX),
    derived(Buffer.from('COMMITKEY')),
  ]);
  const headerTag = sealed(Buffer.alloc(0), { key, iv: Buffer.alloc(12), context: header });
  const iv = Buffer.concat([Buffer.alloc(8), FIRST_SEQUENCE]);
  const context = Buffer.concat([
    messageId,
    Buffer.from('AWSKMSEncryptionClient Final Frame'),
    FIRST_SEQUENCE,
    word(0), // the length has eight octets
    word(plaintext.length),
  ]);
  const content = sealed(plaintext, { key, iv, context });
  return Buffer.concat([header, headerTag, FINAL_FRAME, FIRST_SEQUENCE, iv, word(plaintext.length), content]);
}

function wrapped(dataKey: Uint8Array, publicKey: KeyObject): Buffer {
  return publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
    dataKey,
  );
}

/** AES-256-GCM: the ciphertext, and its tag behind it. */
function sealed(
  plaintext: Uint8Array,
  how: { readonly key: Uint8Array; readonly iv: Uint8Array; readonly context: Uint8Array },
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', how.key, how.iv, { authTagLength: TAG_OCTETS });
  cipher.setAAD(how.context);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** A length of two octets, and what is so long. */
function field(octets: Uint8Array): Buffer {
  return Buffer.concat([half(octets.length), octets]);
}

function half(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}

function word(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
