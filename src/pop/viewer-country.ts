import { parseAddress } from '../base/address.ts';
import { withoutHeaders } from './headers.ts';
import type { Stage } from './request-path.ts';
import type { Run } from './waf/run.ts';

/** CloudFront's field for the country of a client, ISO 3166-1 alpha-2. */
export const VIEWER_COUNTRY = 'cloudfront-viewer-country';

/** Says where the client is, for code, keys and origins; what clients say under that name is taken off. */
export function viewerCountryStage(whereabouts: Run['whereabouts']): Stage {
  return {
    name: 'country',
    run: (request) => {
      const address = parseAddress(request.clientAddress);
      const country = address === undefined ? '' : whereabouts(address).country;
      const headers = withoutHeaders(request.headers, VIEWER_COUNTRY);
      if (country !== '') headers.push([VIEWER_COUNTRY, country]);
      request.headers = headers;
      return undefined;
    },
  };
}
