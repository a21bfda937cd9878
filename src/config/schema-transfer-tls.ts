import { z } from 'zod';
import { domainName, filePath } from './scalars.ts';

/** Octets of a SHA-256, in base64. */
const PIN = /^[A-Za-z0-9+/]{43}=$/;
const PINS_MAX = 8;

/** One way of speaking TLS with name servers that zones come from. */
export const transferTlsSchema = z
  .strictObject({
    hostname: domainName
      .optional()
      .describe('Name that its certificate must have, and be issued for by an authority that is trusted.'),
    ca: filePath
      .optional()
      .describe(
        "PEM file with the authorities that are trusted for that, relative to this file's folder. Absent: " +
          'those that come with Node.',
      ),
    pins: z
      .array(z.string().regex(PIN, { error: 'is not the base64 of a SHA-256' }))
      .max(PINS_MAX)
      .default([])
      .describe(
        'SHA-256 of public keys (SubjectPublicKeyInfo), in base64: its certificate must have one of them. ' +
          'With `hostname`: that too.',
      ),
    opportunistic: z
      .boolean()
      .default(false)
      .describe(
        'In place of both: whoever answers is taken for the name server. That keeps out listeners, and ' +
          'nobody who can answer in its place.',
      ),
    certificate: filePath
      .optional()
      .describe('PEM file with the certificate that is shown to the name server, where it asks for one.'),
    key: filePath.optional().describe('PEM file with its private key.'),
  })
  .superRefine(({ hostname, ca, pins, opportunistic, certificate, key }, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const isStrict = hostname !== undefined || pins.length > 0;
    if (!isStrict && !opportunistic)
      report('hostname', 'is missing, and so is pins: without both say opportunistic: true');
    if (isStrict && opportunistic) report('opportunistic', 'stands in place of hostname and pins');
    if (ca !== undefined && hostname === undefined) report('ca', 'stands with hostname');
    if ((certificate === undefined) !== (key === undefined))
      report(certificate === undefined ? 'certificate' : 'key', 'is missing');
  })
  .describe('How TLS is spoken with a name server that zones come from (RFC 9103).');

/** How TLS is spoken with a peer; paths ready to open. */
export type TransferTls = z.output<typeof transferTlsSchema>;
