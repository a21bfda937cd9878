import { z } from 'zod';
import { clientPrefix, filePath, popCode } from './scalars.ts';

/** `sha256:` and the digest of a secret, or the secret itself. */
const token = z
  .string()
  .regex(/^(?:sha256:[0-9a-f]{64}|(?!sha256:)[\x21-\x7e]{16,256})$/, {
    error: 'is neither a secret of 16 to 256 characters without spaces nor sha256: and 64 hexadecimal digits',
  })
  .describe('Secret of the agent, or `sha256:` and the SHA-256 of it in hexadecimal digits.');

const tlsSchema = z
  .strictObject({
    certificate: filePath.describe("PEM file with the chain, relative to this file's folder."),
    key: filePath.describe("PEM file with the private key, relative to this file's folder."),
  })
  .describe('Certificate of the listener. Required where others than this machine can reach it.');

const beaconSchema = z
  .strictObject({
    url: z
      .string()
      .max(512)
      .regex(/^https?:\/\/\S+$/, { error: 'is not the address of an object: https://{pop}.example.net/o' })
      .describe(
        "Address of the tiny object that browsers fetch from a POP, with `{pop}` for the POP's code in " +
          "small letters, or `{ipv4}` or `{ipv6}` for its first link's address.",
      ),
    pops: z.number().int().min(1).max(16).default(4).describe('POPs that one browser is told to time.'),
    postsPerNetwork: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(6)
      .meta({ description: 'Posts taken from one client network.', unit: 'a minute' }),
    samplesPerPop: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(600)
      .meta({ description: 'Bursts taken of one POP, from all browsers.', unit: 'a minute' }),
  })
  .describe('The beacon: browsers that measure. Absent: they are not served.');

/** The key `ingest`: what the listener of `listen.ingest` takes, and from whom. */
export const ingestSchema = z
  .strictObject({
    tls: tlsSchema.optional(),
    tokens: z
      .record(popCode, token)
      .default({})
      .describe('Secrets of agents by POP code: who shows one may write for that POP, and take its targets.'),
    proxies: z
      .array(clientPrefix)
      .max(1_000)
      .prefault([])
      .describe('Addresses of proxies before the listener, whose X-Forwarded-For names the client.'),
    beacon: beaconSchema.optional(),
  })
  .prefault({})
  .describe('What the listener `listen.ingest` takes over HTTP(S).');
