import { z } from 'zod';
import { endpoint, filePath } from './scalars.ts';
import { whole } from './schema-numbers.ts';

const DAY_S = 86_400;

const rolloverSchema = z
  .strictObject({
    entryPointLifetimeS: whole(
      { min: 0, max: 3650 * DAY_S, unit: 's' },
      'A KSK or CSK is replaced after this time; 0: only by `isochrone zone roll`.',
    ).default(0),
    zskLifetimeS: whole(
      { min: 0, max: 3650 * DAY_S, unit: 's' },
      'A ZSK is replaced after this time; 0: only by `isochrone zone roll`.',
    ).default(0),
    propagationS: whole(
      { min: 0, max: 30 * DAY_S, unit: 's' },
      'Until every server of the zone has what is new: added to every wait for caches.',
    ).default(3600),
    dsTtlS: whole({ min: 0, max: 30 * DAY_S, unit: 's' }, "TTL of the parent's DS records.").default(DAY_S),
    checkS: whole(
      { min: 1, max: 3600, unit: 's' },
      'How often keys are looked after, and the parent is asked while its DS is waited for.',
    ).default(60),
    parent: z
      .array(endpoint)
      .max(16)
      .default([])
      .describe(
        "Servers that are asked for the zone's DS records: the parent's name servers, with ports, or a " +
          'resolver that validates. All must agree. None: the operator says so, with `isochrone zone roll`.',
      ),
  })
  .prefault({})
  .describe('Replacing keys (docs/dnssec.md).');

/** How a zone is signed. */
export const dnssecSchema = z
  .strictObject({
    keys: filePath
      .optional()
      .describe(
        "Folder of the zone's keys, files as dnssec-keygen writes them, relative to this file's folder; " +
          'absent: `dnssec` in the state folder. `isochrone zone keygen` makes them.',
      ),
    denial: z
      .enum(['nsec', 'nsec3'])
      .default('nsec')
      .describe(
        'How answers prove that something is not there: `nsec`, or `nsec3`, which hides names from those ' +
          'who would list them, and costs a hash a negative answer. No iterations, no salt (RFC 9276).',
      ),
    validityS: whole({ min: 60, max: 90 * DAY_S, unit: 's' }, 'How long a signature holds at most.').default(
      14 * DAY_S,
    ),
    refreshS: whole(
      { min: 10, max: 60 * DAY_S, unit: 's' },
      'A signature is made anew when it expires in less than this.',
    ).default(7 * DAY_S),
    jitterS: whole(
      { min: 0, max: 30 * DAY_S, unit: 's' },
      'Signatures expire up to so much earlier, each by another part of it: not all are renewed at once.',
    ).default(2 * DAY_S),
    keyTtlS: whole(
      { min: 0, max: 7 * DAY_S, unit: 's' },
      'TTL of the DNSKEY, CDS and CDNSKEY records.',
    ).default(3600),
    serial: z
      .enum(['increment', 'keep'])
      .default('increment')
      .describe(
        "`increment`: the SOA serial rises with every change of the signed zone, from the file's on, and " +
          "so secondaries fetch new signatures. `keep`: it is the file's.",
      ),
    rollover: rolloverSchema,
  })
  .superRefine(({ validityS, refreshS, jitterS }, context) => {
    if (refreshS + jitterS >= validityS)
      context.addIssue({
        code: 'custom',
        path: ['refreshS'],
        message: `${refreshS} and jitterS (${jitterS}) together must be less than validityS (${validityS})`,
      });
  })
  .describe('Signs the zone (docs/dnssec.md). Absent: it is served as its file has it.');

/** How a zone is signed, `keys` ready to open. */
export type Dnssec = z.output<typeof dnssecSchema>;
