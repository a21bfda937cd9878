import { z } from 'zod';
import { filePath } from './scalars.ts';
import { whole } from './schema-numbers.ts';

const rotation = {
  rotateMib: whole({ min: 1, max: 4096, unit: 'MiB' }, 'The file is put aside when it is so long.').default(
    64,
  ),
  keep: whole({ min: 1, max: 100, unit: 'files' }, 'Files put aside that are kept.').default(8),
};

const queriesSchema = z
  .strictObject({
    oneOf: whole({ min: 1, max: 1_000_000 }, 'One of so many queries is logged; 1: each.').default(100),
    perSecondMax: whole(
      { min: 1, max: 100_000, unit: 'queries/s' },
      'Queries logged at most, in all; more are counted and lost.',
    ).default(200),
    json: z
      .strictObject({ file: filePath.describe('The file, a line of JSON for each query.'), ...rotation })
      .optional()
      .describe('A log as JSON, with why each client got its POP.'),
    dnstap: z
      .strictObject({
        file: filePath.optional().describe('A file of frame streams.'),
        socket: filePath
          .optional()
          .describe('A Unix socket that a collector listens on; frame streams, both ways.'),
        ...rotation,
      })
      .superRefine(({ file, socket }, context) => {
        if ((file === undefined) === (socket === undefined))
          context.addIssue({ code: 'custom', message: 'needs either file or socket' });
      })
      .optional()
      .describe('Queries and responses as dnstap messages (AUTH_QUERY, AUTH_RESPONSE).'),
    addresses: z
      .enum(['truncated', 'full'])
      .default('truncated')
      .describe('`truncated`: of clients the /24 (IPv6: /48) alone, and no port; in dnstap too.'),
  })
  .refine(({ json, dnstap }) => json !== undefined || dnstap !== undefined, {
    error: 'needs json or dnstap: where to write to',
  });

/** What is written down of what happens. */
export const logSchema = z
  .strictObject({
    queries: queriesSchema.optional().describe('A sample of the queries. Absent: none is logged.'),
  })
  .prefault({})
  .describe('Logs beside what the process prints.');
