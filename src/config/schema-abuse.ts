import { z } from 'zod';
import { ACCESS_RULES_MAX, accessList } from '../base/access-list.ts';
import { addressRule } from './scalars.ts';
import { whole } from './schema-numbers.ts';

const RATE_MAX = 1_000_000;
const rate = (meaning: string) => whole({ min: 0, max: RATE_MAX, unit: 'responses/s' }, meaning);

/** How much a client is sent over UDP that has not shown who it is. */
export const rateLimitSchema = z
  .strictObject({
    responsesPerSecond: rate(
      'Answers sent to one client: an IPv4 address, or an IPv6 /64. 32 times as many to a /24, 256 to ' +
        'a /20; 3, 4 and 64 times to a /56, /48 and /32. 0: any number.',
    ).default(200),
    referralsPerSecond: rate('The same of referrals.').default(200),
    nodataPerSecond: rate('The same of empty answers (NODATA).').default(200),
    nxdomainsPerSecond: rate('The same of answers that a name does not exist.').default(100),
    errorsPerSecond: rate('The same of REFUSED, FORMERR and other errors.').default(20),
    burstMs: whole(
      { min: 1, max: 60_000, unit: 'ms' },
      'What a client may get in so long, it may get at once.',
    ).default(1000),
    slip: whole(
      { min: 0, max: 100 },
      'One in so many of the responses that are too many is sent all the same: cut to nothing, with TC, so ' +
        'that a client whose address is forged can ask over TCP; an error as it is. 0: none.',
    ).default(2),
    exempt: z
      .array(addressRule)
      .max(ACCESS_RULES_MAX)
      .default([])
      .transform((rules) => (rules.length === 0 ? undefined : accessList(rules)))
      .describe(
        'Who is not limited, as rules: `192.0.2.0/24`; with `!` before it, who is. Clients with a good ' +
          'cookie, and those over TCP, TLS and HTTPS, never are.',
      ),
    dryRun: z
      .boolean()
      .default(false)
      .describe('Whether what is too much is only counted, in metrics and samples, and sent all the same.'),
    prefixes: whole(
      { min: 1024, max: 16_777_216 },
      'Prefixes whose rates are known at a time, 8 octets each: those only that were just sent something.',
    ).default(131_072),
  })
  .transform((value) => {
    const { responsesPerSecond, referralsPerSecond, nodataPerSecond, nxdomainsPerSecond, errorsPerSecond } =
      value;
    const { burstMs, slip, exempt, dryRun, prefixes } = value;
    const perSecond = {
      responses: responsesPerSecond,
      referrals: referralsPerSecond,
      nodata: nodataPerSecond,
      nxdomains: nxdomainsPerSecond,
      errors: errorsPerSecond,
    };
    return { perSecond, burstMs, slip, exempt, dryRun, prefixes };
  })
  .optional()
  .describe('Bounds of what clients are sent over UDP. Absent: there are none. See docs/operations.md.');

/** Dropped queries that are logged, a second. */
export const dropSamplesSchema = whole(
  { min: 0, max: 16, unit: 'lines/s' },
  'Queries that were dropped by the drop list or `rateLimit`, or would be, logged at most: samples.',
).default(1);
