import { z } from 'zod';
import { countryCode, filePath } from './scalars.ts';
import { whole } from './schema-numbers.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;
const name = z.string().regex(NAME, { error: "is not a name of letters, digits, '-' and '_'" });
const field = z
  .string()
  .regex(/^[^*\s]{1,255}\*?$|^\*$/, { error: 'is not a name of a field, perhaps with a `*` at its end' });

const webAclSchema = z.strictObject({
  file: filePath.describe('The web ACL, in the JSON of AWS WAFv2 (`aws wafv2 get-web-acl`).'),
  with: z
    .array(filePath)
    .max(100)
    .default([])
    .describe('Files of the rule groups, IP sets and regex pattern sets whose ARNs it names.'),
});

const fieldProfileSchema = z.strictObject({
  key: name.describe('Public key of who decrypts, by its id under `publicKeys`: RSA.'),
  provider: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, { error: 'is not a name of visible characters' })
    .describe('Provider of the key, as who decrypts names it (its key namespace).'),
  fields: z
    .array(field)
    .min(1)
    .max(10)
    .describe('Fields of forms to be encrypted: names, or beginnings of names with `*`.'),
});

const fieldEncryptionSchema = z.strictObject({
  profile: name.optional().describe('Profile of forms that name none. Absent: these pass as they are.'),
  queryProfiles: z
    .record(name, name)
    .default({})
    .describe('Profiles by the values of the query argument `fle-profile`.'),
  forwardUnknownProfile: z
    .boolean()
    .default(false)
    .describe('Whether forms whose `fle-profile` is not there pass, by `profile`; else they get 400.'),
  forwardUnknownType: z
    .boolean()
    .default(false)
    .describe('Whether bodies that are no urlencoded forms pass as they are; else they get 400.'),
});

const lambdaSchema = z.strictObject({
  file: filePath.describe('The module, CommonJS or ES, that exports `handler`; it runs as it is.'),
  trusted: z
    .literal(true)
    .describe('Says that this code may do all that this process may: a thread is no sandbox.'),
  limitMs: whole({ min: 1, max: 30_000, unit: 'ms' }, 'Time of one event.').default(5000),
  memoryMb: whole({ min: 16, max: 10_240, unit: 'MiB' }, 'Heap of each thread.').default(128),
  threads: whole({ min: 1, max: 64 }, 'Events at a time, each in a thread of its own.').default(1),
});

const keyValueStoreSchema = z.strictObject({
  file: filePath.describe('Keys and values in the JSON that CloudFront imports.'),
  functions: z.array(name).min(1).max(100).describe('Functions that read it: each reads one store at most.'),
});

/** What distributions refer to by name: rules, keys and code that run at the edge. */
export const securitySchema = z
  .strictObject({
    webAcls: z.record(name, webAclSchema).default({}).describe('Web ACLs by name.'),
    publicKeys: z
      .record(name, filePath)
      .default({})
      .describe('Public keys by id (`Key-Pair-Id` of signed URLs): files in PEM, RSA or ECDSA P-256.'),
    keyGroups: z
      .record(name, z.array(name).min(1).max(100))
      .default({})
      .describe('Key groups by name: ids of keys whose signatures are trusted.'),
    fieldProfiles: z
      .record(name, fieldProfileSchema)
      .default({})
      .describe('Profiles of field-level encryption by name: which fields, for whom.'),
    fieldEncryption: z
      .record(name, fieldEncryptionSchema)
      .default({})
      .describe('Field-level encryption by name: which profile when.'),
    functions: z
      .record(name, filePath)
      .default({})
      .describe('CloudFront Functions by name: files with a function `handler`.'),
    keyValueStores: z
      .record(name, keyValueStoreSchema)
      .default({})
      .describe('Key value stores that functions read (`cf.kvs()`), by name.'),
    functionLimits: z
      .strictObject({
        limitMs: whole({ min: 1, max: 5000, unit: 'ms' }, 'Time of one call.').default(250),
        memoryKb: whole({ min: 512, max: 65_536, unit: 'KiB' }, 'Memory of one call.').default(2048),
        threads: whole({ min: 1, max: 64 }, 'Calls at a time, each in a thread of its own.').default(1),
      })
      .prefault({})
      .describe('Bounds of every function.'),
    lambdas: z.record(name, lambdaSchema).default({}).describe('Lambda@Edge handlers by name.'),
  })
  .prefault({})
  .describe('Rules, keys and code of the POP tier, which `distributions` name. See docs/edge-security.md.');

const geoRestrictionSchema = z
  .strictObject({
    allow: z.array(countryCode).min(1).max(250).optional().describe('Countries that are served, alone.'),
    deny: z.array(countryCode).min(1).max(250).optional().describe('Countries that are not served.'),
  })
  .superRefine(({ allow, deny }, context) => {
    if ((allow === undefined) === (deny === undefined))
      context.addIssue({ code: 'custom', message: 'has one of allow and deny' });
  });

/** What a distribution says of its security. */
export const DISTRIBUTION_SECURITY = {
  webAcl: name.optional().describe('Web ACL of all its requests, by its name under `security.webAcls`.'),
  geoRestriction: geoRestrictionSchema
    .optional()
    .describe('Countries of clients, by the geo databases. Clients whose country nobody knows are served.'),
};

/** What a behaviour says of its security. */
export const BEHAVIOUR_SECURITY = {
  trustedKeyGroups: z
    .array(name)
    .max(100)
    .default([])
    .describe('Key groups whose signed URLs and cookies open it. Empty: it is open to all.'),
  fieldEncryption: name
    .optional()
    .describe('Field-level encryption of its forms, by its name under `security.fieldEncryption`.'),
  functions: z
    .strictObject({
      viewerRequest: name.optional().describe('Function that sees requests as they come.'),
      viewerResponse: name.optional().describe('Function that sees responses as they go.'),
    })
    .prefault({})
    .describe('CloudFront Functions, by their names under `security.functions`.'),
  lambdas: z
    .strictObject({
      viewerRequest: name.optional().describe('Handler that sees requests as they come.'),
      originRequest: name.optional().describe('Handler that sees requests on their way to the origin.'),
      originResponse: name.optional().describe('Handler that sees responses of the origin.'),
      viewerResponse: name.optional().describe('Handler that sees responses as they go.'),
      includeBody: z.boolean().default(false).describe('Whether handlers of requests see bodies.'),
    })
    .prefault({})
    .describe('Lambda@Edge handlers, by their names under `security.lambdas`.'),
};
