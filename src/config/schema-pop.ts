import { z } from 'zod';
import { filePath } from './scalars.ts';
import { whole } from './schema-numbers.ts';
import { BEHAVIOUR_SECURITY, DISTRIBUTION_SECURITY } from './schema-security.ts';
import { NAME, NOT_A_NAME } from './schema-service.ts';

/** Names of security policies: those of CloudFront that allow TLS 1.2 or 1.3 only. */
export const SECURITY_POLICY_NAMES = [
  'TLSv1.2_2018',
  'TLSv1.2_2019',
  'TLSv1.2_2021',
  'TLSv1.2_2025',
  'TLSv1.3_2025',
] as const;

/** Cache policies that need not be configured. */
export const MANAGED_POLICY_NAMES = [
  'origin-says',
  'Managed-CachingDisabled',
  'Managed-CachingOptimized',
  'UseOriginCacheControlHeaders-QueryStrings',
] as const;

const octets = (bounds: { min: number; max: number }, description: string) =>
  whole({ ...bounds, unit: 'octets' }, description);
const ms = (bounds: { min: number; max: number }, description: string) =>
  whole({ ...bounds, unit: 'ms' }, description);
const seconds = (description: string) => whole({ min: 0, max: 315_360_000, unit: 's' }, description);

/** A header field's name, in small letters from here on. */
export const fieldName = z
  .string()
  .max(256)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'is not the name of a header field' })
  .transform((name) => name.toLowerCase());
const fieldValue = z
  .string()
  .max(4_096)
  .regex(/^[\x20-\x7e]*$/, { error: 'has signs that a header field cannot have' });

const limitsSchema = z
  .strictObject({
    connectionsMax: whole(
      { min: 16, max: 1_000_000 },
      'Connections of all clients; beyond, the one that waited longest without a request makes room.',
    ).default(8_192),
    connectionsPerClientMax: whole({ min: 1, max: 1_000_000 }, 'Connections from one address.').default(
      1_024,
    ),
    headersMs: ms(
      { min: 100, max: 600_000 },
      'A connection must have sent a whole request head so long after it opened or began one.',
    ).default(10_000),
    idleMs: ms({ min: 1_000, max: 3_600_000 }, 'A silent connection is closed after so long.').default(
      30_000,
    ),
    bodyOctetsPerSecondMin: whole(
      { min: 0, max: 1_000_000, unit: 'octets/s' },
      'Rate at which the body of a request must come in.',
    ).default(128),
  })
  .prefault({})
  .describe('Bounds on what slow clients, and many connections of one client, may hold.');

/** The key `popTier`. */
export const popTierSchema = z
  .strictObject({
    l1Servers: whole({ min: 1, max: 64 }, 'L1 servers in each POP; connections go to them in turn.').default(
      4,
    ),
    l2Servers: whole({ min: 1, max: 64 }, 'L2 servers in each POP; each object is on one of them.').default(
      5,
    ),
    l2OctetsMax: octets(
      { min: 65_536, max: 68_719_476_736 },
      'What each L2 server may hold; one object at most half of it, larger ones in parts.',
    ).default(4_194_304),
    regionalOctetsMax: octets(
      { min: 0, max: 68_719_476_736 },
      'What the regional cache of each region may hold; 0: there are none.',
    ).default(33_554_432),
    threads: whole(
      { min: 1, max: 64 },
      'Threads that serve; all POPs of a region are in one, and all POPs where a distribution has ' +
        'a shield. Default: one a core of `isochrone pop`, one of `isochrone up`.',
    ).optional(),
    accessLog: filePath
      .optional()
      .describe("File to which a line a request is written (33 fields), relative to this file's folder."),
    limits: limitsSchema,
  })
  .prefault({})
  .describe('How the POPs of this process are built: servers, caches, limits.');

/** Names, or none, or all of them. */
const selection = (what: string, of: z.ZodType<string, string>) =>
  z
    .union([
      z.enum(['none', 'all']),
      z.array(of).min(1).max(64),
      z.strictObject({ allBut: z.array(of).min(1).max(64) }),
    ])
    .default('none')
    .describe(`${what}: \`none\`, \`all\`, a list of their names, or \`allBut\` such a list.`);

/** The key `cachePolicies`. */
export const cachePoliciesSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, { error: 'is not a name of a cache policy' }),
    z
      .strictObject({
        query: selection('Parameters of the query in the key', z.string().max(128)),
        headers: z
          .union([z.literal('none'), z.array(fieldName).min(1).max(32)])
          .default('none')
          .describe('Request headers in the key: `none`, or a list of their names.'),
        cookies: selection('Cookies in the key', z.string().max(128)),
        minTtl: seconds(
          'Kept at least so long, whatever the origin says; above 0 also what it forbids to keep.',
        ).default(0),
        defaultTtl: seconds(
          'Kept so long where the origin says nothing. Absent: a tenth of its age.',
        ).optional(),
        maxTtl: seconds('Kept at most so long.').default(31_536_000),
      })
      .superRefine(({ minTtl, maxTtl }, context) => {
        if (minTtl > maxTtl)
          context.addIssue({
            code: 'custom',
            message: `minTtl (${minTtl}) is greater than maxTtl (${maxTtl})`,
          });
      })
      .describe('What makes requests ask for the same object, and how long it is kept.'),
  )
  .default({})
  .describe(
    'Cache policies by name. `origin-says`, `Managed-CachingOptimized`, `Managed-CachingDisabled` and ' +
      '`UseOriginCacheControlHeaders-QueryStrings` need not be here.',
  );

/** The key `origins`. */
export const originsSchema = z
  .record(
    z.string().regex(NAME, NOT_A_NAME),
    z
      .strictObject({
        url: z
          .string()
          .max(512)
          .regex(/^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/, {
            error:
              'is not the address of an origin: http://127.0.0.1:8080 or https://origin.example.net/path',
          })
          .refine((text) => URL.canParse(text), { error: 'is not an address' })
          .describe('Where it is; a path goes in front of that of each request.'),
        region: z
          .string()
          .max(64)
          .default('')
          .describe("The POPs' region that it is in: no regional cache there."),
        connectTimeoutMs: ms({ min: 100, max: 60_000 }, 'For one try to connect.').default(10_000),
        responseTimeoutMs: ms({ min: 100, max: 600_000 }, 'For its first octet, and between octets.').default(
          30_000,
        ),
        attempts: whole(
          { min: 1, max: 10 },
          'Tries to connect, and to send again what may be sent again.',
        ).default(3),
        connectionsMax: whole({ min: 1, max: 10_000 }, 'Connections from each place of the tier.').default(
          10,
        ),
        hostHeader: z
          .string()
          .min(1)
          .max(253)
          .optional()
          .describe("Host that it is asked for. Absent: the client's."),
        headers: z.record(fieldName, fieldValue).default({}).describe('Headers that each request gets.'),
      })
      .describe('Where content comes from.'),
  )
  .default({})
  .describe('Origins by name.');

const originNames = z
  .union([z.string().regex(NAME, NOT_A_NAME), z.array(z.string().regex(NAME, NOT_A_NAME)).min(1).max(4)])
  .describe(
    'Name of the origin, or several: the next is asked where the one before fails (GET, HEAD, OPTIONS).',
  );

/** One entry of `behaviours`, without what security adds to it. */
export const behaviourFields = {
  path: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[\x21-\x7e]+$/, { error: 'is not a path pattern such as /static/* or *.jpg' })
    .default('*')
    .describe(
      'Paths that it is for: `*` stands for any octets, `?` for one; case matters. First match wins.',
    ),
  origin: originNames,
  failoverStatuses: z
    .array(whole({ min: 400, max: 599 }, 'A status.'))
    .max(32)
    .default([500, 502, 503, 504])
    .describe('Statuses of one origin for which the next is asked, besides silence.'),
  methods: z
    .array(
      z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Z-]{1,32}$/, { error: 'is not a method in capital letters' }),
    )
    .min(1)
    .max(32)
    .default(['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'])
    .describe('Methods that are served; others get 405.'),
  cachePolicy: z.string().min(1).max(64).default('origin-says').describe('Name of the cache policy.'),
  compress: z
    .boolean()
    .default(true)
    .describe('Whether text is compressed (br, gzip) for those who take it.'),
  originHeaders: z
    .union([z.literal('all'), z.array(fieldName).max(64)])
    .default('all')
    .describe('Request headers that the origin gets besides those of the key: `all`, or a list of names.'),
};

/** The key `distributions`. */
export const distributionsSchema = z
  .record(
    z.string().regex(NAME, NOT_A_NAME),
    z
      .strictObject({
        domains: z
          .array(
            z.string().regex(/^(?:\*|(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*)$/, {
              error: 'is not a host in small letters, such as www.example.net, *.example.net, or * for all',
            }),
          )
          .min(1)
          .max(100)
          .describe('Hosts that it is for; `*.` in front stands for any labels, `*` for every other host.'),
        securityPolicy: z
          .enum(SECURITY_POLICY_NAMES)
          .default('TLSv1.2_2021')
          .describe('Versions and ciphers of TLS, by the name of the policy.'),
        ...DISTRIBUTION_SECURITY,
        shield: z
          .string()
          .max(64)
          .optional()
          .describe("Region whose cache all others ask: the origin's shield."),
        behaviours: z
          .array(
            z
              .strictObject({ ...behaviourFields, ...BEHAVIOUR_SECURITY })
              .describe('How requests for some paths are served.'),
          )
          .min(1)
          .max(250)
          .describe('How requests are served, by path, in order.'),
      })
      .describe('Hosts, and how they are served.'),
  )
  .default({})
  .describe('What the POPs serve. Absent: `up` serves a demo origin, for every host.');
