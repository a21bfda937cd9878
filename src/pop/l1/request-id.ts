import { randomFillSync } from 'node:crypto';

const ID_OCTETS = 42;
const pool = Buffer.alloc(ID_OCTETS * 128);
let used = pool.length;

/** A new `X-Amz-Cf-Id`: 56 signs that nobody can guess. */
export function newRequestId(): string {
  if (used >= pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_OCTETS;
  return pool.toString('base64url', used - ID_OCTETS, used);
}
