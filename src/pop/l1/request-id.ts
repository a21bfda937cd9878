import { randomBytes } from 'node:crypto';

const ID_OCTETS = 42;
/** Base64 has four signs for three octets. */
const ID_SIGNS = (ID_OCTETS / 3) * 4;
const IDS_AT_ONCE = 128;
let signs = '';
let used = 0;

/** A new `X-Amz-Cf-Id`: 56 signs that nobody can guess. */
export function newRequestId(): string {
  if (used >= signs.length) {
    signs = randomBytes(ID_OCTETS * IDS_AT_ONCE).toString('base64url');
    used = 0;
  }
  used += ID_SIGNS;
  return signs.slice(used - ID_SIGNS, used);
}
