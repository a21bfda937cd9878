import { z } from 'zod';
import { ACCESS_RULES_MAX, accessList } from '../base/access-list.ts';
import { addressRule, type Endpoint, endpoint } from './scalars.ts';

/** An address for DNS, and who may ask there. */
export const dnsListener = z
  .union([
    endpoint,
    z.strictObject({
      address: endpoint.describe('Address for DNS, where not everybody may ask: `[::]:53`.'),
      allow: z
        .array(addressRule)
        .min(1)
        .max(ACCESS_RULES_MAX)
        .describe(
          'Who may ask there: `192.0.2.0/24`, `any`; with `!` before it, who may not. The first that ' +
            'speaks of a client decides; who is in none gets REFUSED with the extended error Prohibited.',
        ),
    }),
  ])
  .transform((value): Endpoint => {
    if ('host' in value) return value;
    return { ...value.address, access: accessList(value.allow) };
  });
