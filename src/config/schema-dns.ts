import { z } from 'zod';
import { domainName, filePath } from './scalars.ts';
import { dropSamplesSchema, rateLimitSchema } from './schema-abuse.ts';
import { whole } from './schema-numbers.ts';

/** Secrets in use at a time: that which makes cookies, one before it, one after it. */
const SECRETS_MAX = 3;
/** Longest text that the server says of itself. */
const TEXT_MAX = 128;

const said = (description: string) =>
  z
    .string()
    .max(TEXT_MAX)
    .regex(/^[\x20-\x7e]+$/, { error: 'is not a text of ASCII characters' })
    .optional()
    .describe(description);

const cookiesSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether queries that have a cookie get one.'),
    secrets: z
      .array(z.string().regex(/^[0-9a-fA-F]{32}$/, { error: 'is not a secret of 32 hexadecimal digits' }))
      .max(SECRETS_MAX)
      .default([])
      .describe(
        'Secrets of 32 hexadecimal digits, the same in every server behind an address: the first makes ' +
          'cookies, all are accepted. To change it, add the new one as the second everywhere, then put it ' +
          'first, then take the old one away an hour later (RFC 9018 §5).',
      ),
    secretsFile: filePath
      .optional()
      .describe(
        "In place of `secrets`: a file with one on each line, relative to this file's folder, read again " +
          'when it changes. Without either, each process makes a secret of its own, and a new one each day.',
      ),
    insist: z
      .boolean()
      .default(false)
      .describe(
        'Whether a query over UDP that has a cookie, but no good one, gets BADCOOKIE and a good one in ' +
          'place of an answer (RFC 7873 §5.2.3).',
      ),
  })
  .superRefine(({ secrets, secretsFile }, context) => {
    if (secrets.length > 0 && secretsFile !== undefined)
      context.addIssue({ code: 'custom', path: ['secretsFile'], message: 'stands without secrets' });
  })
  .prefault({})
  .describe('DNS cookies (RFC 7873, RFC 9018): clients that show one have not forged their address.');

const tcpSchema = z
  .strictObject({
    connectionsMax: whole(
      { min: 1, max: 100_000 },
      'Connections open at a time, for each thread that answers. One more closes one that is slow, never ' +
        'asked, or is idle; or the one that asked longest ago, if it came with a whole question.',
    ).default(1024),
    connectionsPerClientMax: whole(
      { min: 1, max: 100_000 },
      'The same, from one address (IPv6: one /64).',
    ).default(64),
    firstQueryMs: whole(
      { min: 100, max: 3_600_000, unit: 'ms' },
      'A new connection is closed that has not asked anything by then.',
    ).default(3000),
    messageMs: whole(
      { min: 100, max: 3_600_000, unit: 'ms' },
      'A client has so long from the first octet of a message to its last.',
    ).default(5000),
    writeStallMs: whole(
      { min: 100, max: 3_600_000, unit: 'ms' },
      'A client has so long to read answers that have filled all buffers.',
    ).default(5000),
    queriesPerConnectionMax: whole(
      { min: 1, max: 1_000_000_000 },
      'A connection is closed after so many queries.',
    ).default(1_000_000_000),
    idleMs: whole(
      { min: 100, max: 3_600_000, unit: 'ms' },
      'A connection without a query is closed after this time (RFC 7766 §6.2.3).',
    ).default(10_000),
    lifetimeMs: whole(
      { min: 1000, max: 86_400_000, unit: 'ms' },
      'A connection is closed after this time, whatever it does.',
    ).default(600_000),
  })
  .prefault({})
  .describe('Bounds of DNS over TCP.');

/** A table that nothing changed is 10 s old, and takes a while to come. */
const STALE_LEAST_MS = 12_000;

export const dnsSchema = z
  .strictObject({
    udpSizeMax: whole(
      { min: 512, max: 4096, unit: 'octets' },
      'Longest answer over UDP, whatever the client allows; longer ones say TC.',
    ).default(1232),
    staleAfterMs: whole(
      { min: 0, max: 86_400_000, unit: 'ms' },
      'Steered answers say that they are stale, in an extended error (RFC 8914, code 3) for clients that ' +
        'speak EDNS, while the table is older than this; 0: they never do. Not below 12000: where nothing ' +
        'changes, a table is made each 10 s.',
    )
      .refine((ms) => ms === 0 || ms >= STALE_LEAST_MS, {
        error: `must be 0 or at least ${STALE_LEAST_MS}: where nothing changes, a table is made each 10 s`,
      })
      .default(0),
    recvBufferOctets: whole(
      { min: 4096, max: 268_435_456, unit: 'octets' },
      "The UDP sockets' receive buffer (the kernel may give less).",
    ).default(4_194_304),
    tcp: tcpSchema,
    cookies: cookiesSchema,
    rateLimit: rateLimitSchema,
    dropList: filePath
      .optional()
      .describe(
        'File of addresses whose queries are dropped without an answer, one prefix a line, `#` begins a ' +
          "comment; relative to this file's folder, and read again when it changes. Absent: none are.",
      ),
    dropsLoggedPerSecond: dropSamplesSchema,
    identity: said(
      'Which of several servers this is: what `id.server` and `hostname.bind` (class CH) and NSID ' +
        '(RFC 5001) say; `auto`: the name of the machine. Absent: they are refused.',
    ),
    version: said(
      'What `version.bind` and `version.server` (class CH) say; `auto`: `isochrone` and its version. ' +
        'Absent: they are refused.',
    ),
    reportTo: domainName
      .optional()
      .describe(
        'Domain to which resolvers are asked to report errors (RFC 9567), in every response to clients ' +
          'that speak EDNS, as far as there is room. Absent: nobody is asked.',
      ),
  })
  .prefault({})
  .describe('How DNS is spoken.');
