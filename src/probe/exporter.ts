/** Octets of a metrics page that are read at most. */
const PAGE_OCTETS_MAX = 8 << 20;

/**
 * Fetches a page of metrics in Prometheus' text form; rejects when it does not come in time, is no 200, or is
 * too long.
 */
export async function fetchMetrics(
  url: string,
  options: { readonly userAgent: string; readonly timeoutMs: number },
): Promise<string> {
  const response = await fetch(url, {
    headers: { 'user-agent': options.userAgent, accept: 'text/plain' },
    signal: AbortSignal.timeout(options.timeoutMs),
    redirect: 'error',
  });
  if (response.status !== 200) throw new Error(`status ${response.status}`);
  const parts: Uint8Array[] = [];
  let octets = 0;
  for await (const part of response.body ?? []) {
    octets += part.length;
    if (octets > PAGE_OCTETS_MAX) throw new Error(`longer than ${PAGE_OCTETS_MAX} octets`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/**
 * Sum of the samples that a selector matches: `name`, or `name{label="value",…}` with labels that each of
 * them must have. undefined: none matches.
 */
export function sumOf(page: string, selector: string): number | undefined {
  const wanted = parseSeries(selector);
  if (wanted === undefined) return undefined;
  let sum: number | undefined;
  for (const line of page.split('\n')) {
    if (!line.startsWith(wanted.name)) continue;
    const end = line.lastIndexOf('}');
    const space = line.indexOf(' ', end + 1);
    const series = space < 0 ? undefined : parseSeries(line.slice(0, space));
    const value = Number(line.slice(space + 1).split(' ', 1)[0]);
    if (series?.name !== wanted.name || !Number.isFinite(value)) continue;
    if (wanted.labels.every((label) => series.labels.includes(label))) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** Name, and labels as `name="value"` as they are written; undefined: this is no series. */
export function parseSeries(text: string): { name: string; labels: readonly string[] } | undefined {
  const match = /^([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?$/.exec(text.trim());
  if (match === null) return undefined;
  return { name: match[1] as string, labels: match[2]?.match(/[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"/g) ?? [] };
}
