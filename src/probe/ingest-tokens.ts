import { createHash, timingSafeEqual } from 'node:crypto';

/** Who a token stands for. */
export interface Tokens {
  /** POP of the token's agent; undefined for a token that nobody has. Takes as long for each. */
  readonly popOf: (token: string) => string | undefined;
}

const HASHED = /^sha256:([0-9a-f]{64})$/;

/** Tokens by POP code, each in the clear or as `sha256:` and 64 hexadecimal digits. */
export function createTokens(byPop: Readonly<Record<string, string>>): Tokens {
  const known = Object.entries(byPop).map(([pop, text]) => {
    const hex = HASHED.exec(text)?.[1];
    return { pop, digest: hex === undefined ? sha256(text) : Buffer.from(hex, 'hex') };
  });
  return {
    popOf: (token) => {
      const given = sha256(token);
      let found: string | undefined;
      // To the end, so that the time tells nothing of which it was.
      for (const { pop, digest } of known) if (timingSafeEqual(digest, given)) found = pop;
      return found;
    },
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
