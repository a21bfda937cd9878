import type { PopResponse } from './request-path.ts';

/**
 * An error of the tier's own, as XML with a code and a message, the form that clients of CloudFront know.
 * The code goes into the access log as the detailed result.
 */
export function denial(status: number, code: string, message: string): PopResponse {
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>${code}</Code><Message>${message}</Message></Error>
`;
  const body = Buffer.from(text, 'utf8');
  return {
    status,
    headers: [
      ['content-type', 'text/xml'],
      ['cache-control', 'no-store'],
      ['content-length', String(body.length)],
    ],
    body,
    from: 'l1',
    result: 'Error',
    fault: code,
  };
}
