/**
 * The beacon: what a page runs to time the POPs that it is told of. Of each a tiny object is fetched over and
 * over on one kept connection: the first fetch opens it and is not counted, of the others the time from the
 * request to the first octet of the response is one round trip (Resource Timing, with Timing-Allow-Origin).
 * Times are read from an observer, since the browser's list of entries may be full. Posted in the end:
 * `[[pop, ms or null, …], …]`, null for a fetch that failed.
 *
 * No text in here holds a space or two slashes, each statement ends in a semicolon: lines may be joined.
 */
const SOURCE = `
(async (pops, ingest) => {
  const timing = {}, rows = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (entry.requestStart) timing[entry.name] = entry.responseStart - entry.requestStart;
  }).observe({ type: 'resource' });
  for (const [pop, url] of pops) {
    const row = [];
    for (let round = 0; round < ROUNDS; round++) {
      const name = url + '?' + Math.random();
      try {
        // Read to its end: the connection is free for the next.
        await (await fetch(name, { credentials: 'omit', signal: AbortSignal.timeout(LIMIT) })).text();
        row.push(name);
      } catch {
        row.push(0);
      }
    }
    rows.push([pop, row]);
  }
  setTimeout(() => navigator.sendBeacon(ingest, JSON.stringify(
    rows.map(([pop, [first, ...others]]) =>
      [pop, ...others.map((name) => name ? timing[name] : null).filter((ms) => ms !== undefined)])
  )), 99);
})`;

/** Fetches of each POP's object: the first opens the connection. */
const ROUNDS = 4;
/** A fetch that takes longer is lost, ms. */
const LIMIT_MS = 3_000;
/** Names of the source that say nothing to a browser. */
const LONG_NAMES = [
  ...['pops', 'ingest', 'timing', 'rows', 'list', 'entry', 'pop', 'url', 'row', 'round', 'first', 'others'],
  ...['ms', 'name'],
];

/**
 * The script for one client: POPs by code with the address of their object. Times are posted to `/beacon` at
 * the server that it came from.
 */
export function beaconScript(pops: readonly (readonly [pop: string, url: string])[]): string {
  return `${BEACON_CODE}(${JSON.stringify(pops)},new URL('/beacon',document.currentScript.src))`;
}

/** The same for every client: the source without what only people need. */
export const BEACON_CODE = minified(SOURCE);

function minified(source: string): string {
  const short = new Map(LONG_NAMES.map((name, i) => [name, String.fromCharCode(97 + i)]));
  return (
    source
      .replace(/\/\/.*$/gm, '')
      .replace(/\bROUNDS\b/g, String(ROUNDS))
      .replace(/\bLIMIT\b/g, String(LIMIT_MS))
      // Neither properties ("entry.name", but not "...others") nor keys of objects.
      .replace(/(?<!(?<!\.)\.)\b[a-z]+\b(?!:)/g, (word) => short.get(word) ?? word)
      .replace(/\s+/g, ' ')
      .replace(/ ?([^\w$']) ?/g, '$1')
      .replace(/;}/g, '}')
      .replace(/\(([a-z])\)=>/g, '$1=>')
      .trim()
  );
}
