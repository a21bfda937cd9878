import { parseAddress } from '../base/address.ts';
import { denial } from './denial.ts';
import type { Stage } from './request-path.ts';
import type { Run } from './waf/run.ts';

/** Countries that are served alone, or that are not served. */
export interface GeoRestriction {
  readonly allow?: readonly string[] | undefined;
  readonly deny?: readonly string[] | undefined;
}

/** Turns clients of some countries away; a client whose country nobody knows is served. */
export function geoStage({ allow, deny }: GeoRestriction, whereabouts: Run['whereabouts']): Stage {
  const listed = new Set(allow ?? deny);
  return {
    name: 'geo',
    run: (request) => {
      const address = parseAddress(request.clientAddress);
      const country = address === undefined ? '' : whereabouts(address).country;
      if (country === '' || listed.has(country) === (allow !== undefined)) return undefined;
      return denial(403, 'GeoRestricted', 'This distribution does not serve your country.');
    },
  };
}
