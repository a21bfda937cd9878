import { createHash } from 'node:crypto';

/** Path of the tiny object that browsers time, at every POP. */
export const BEACON_OBJECT_PATH = '/.isochrone/o';

/** What comes with the object: any page may fetch it, and see how long that took. */
export const BEACON_OBJECT_HEADERS = {
  'access-control-allow-origin': '*',
  'timing-allow-origin': '*',
  'cross-origin-resource-policy': 'cross-origin',
} as const;

/** Shows what the beacon measures, as the browser tells of it; the beacon itself needs nothing of this. */
const SHOW = `
new PerformanceObserver((list) => {
  for (const { name, requestStart, responseStart } of list.getEntries()) {
    if (!name.includes('${BEACON_OBJECT_PATH}?') || requestStart === 0) continue;
    const line = document.createElement('li');
    line.textContent = new URL(name).host + ' ' + (responseStart - requestStart).toFixed(1) + ' ms';
    document.querySelector('ol').append(line);
  }
}).observe({ type: 'resource', buffered: true });
`;

const SHOW_HASH = createHash('sha256').update(SHOW).digest('base64');

/** An example of a page with the beacon, and the policy that it needs. */
export function beaconPage(scriptUrl: string): { readonly html: string; readonly policy: string } {
  const { origin } = new URL(scriptUrl);
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Beacon</title></head><body>
<h1>Beacon</h1>
<p>This page loads <code>${scriptUrl}</code>. It fetches a tiny object from a few POPs, four times each
over one connection, and posts how long the last three took. The first connects, and is not counted.</p>
<ol></ol>
<script>${SHOW}</script>
<script src="${scriptUrl}" async></script>
</body></html>
`;
  const policy =
    `default-src 'none'; script-src ${origin} 'sha256-${SHOW_HASH}'; connect-src https: ${origin}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return { html, policy };
}
