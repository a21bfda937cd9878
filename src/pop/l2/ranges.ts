/** Octets of a representation, both ends included. */
export interface OctetRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges answered in one response at most; more are answered with the whole. */
const RANGES_MAX = 16;

/**
 * The ranges that a `Range` field asks of so many octets (RFC 9110 §14.1.2). undefined: it is to be ignored.
 * Empty: none of them can be had (416).
 */
export function parseRanges(text: string, size: number): OctetRange[] | undefined {
  const match = /^bytes[ \t]*=(.*)$/i.exec(text.trim());
  if (match === null) return undefined;
  const ranges: OctetRange[] = [];
  const specs = (match[1] ?? '')
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '');
  if (specs.length === 0 || specs.length > RANGES_MAX) return undefined;
  for (const spec of specs) {
    const parts = /^(\d{0,15})-(\d{0,15})$/.exec(spec);
    const [, from = '', to = ''] = parts ?? [];
    if (parts === null || (from === '' && to === '')) return undefined;
    if (from === '') {
      const length = Math.min(size, Number(to));
      if (length > 0) ranges.push({ first: size - length, last: size - 1 });
      continue;
    }
    const first = Number(from);
    const last = to === '' ? size - 1 : Math.min(size - 1, Number(to));
    if (to !== '' && Number(to) < first) return undefined;
    if (first < size) ranges.push({ first, last });
  }
  return overlapMuch(ranges) ? undefined : ranges;
}

/** Many ranges that overlap are an attack (RFC 9110 §17.15). */
function overlapMuch(ranges: readonly OctetRange[]): boolean {
  const sorted = ranges.toSorted((one, other) => one.first - other.first);
  let overlaps = 0;
  for (const [i, range] of sorted.entries())
    if (i > 0 && range.first <= (sorted[i - 1]?.last ?? 0)) overlaps++;
  return overlaps > 2;
}

/** The octets of a range out of a body that comes in. */
export async function* cut(
  open: () => AsyncIterable<Uint8Array>,
  { first, last }: OctetRange,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  for await (const chunk of open()) {
    const end = Math.min(chunk.length, last + 1 - at);
    if (end > 0 && at + chunk.length > first) yield chunk.subarray(Math.max(0, first - at), end);
    at += chunk.length;
    if (at > last) return;
  }
}

/** `bytes 0-4/10` */
export function contentRange(range: OctetRange, size: number): string {
  return `bytes ${range.first}-${range.last}/${size}`;
}

/** The body of several ranges (RFC 9110 §14.6) and its content type. */
export function multipart(
  ranges: readonly OctetRange[],
  whole: Uint8Array,
  options: { readonly type: string; readonly boundary: string },
): { readonly body: Uint8Array; readonly type: string } {
  const { type, boundary } = options;
  const parts: Uint8Array[] = [];
  for (const range of ranges) {
    const where = contentRange(range, whole.length);
    const head = `--${boundary}\r\ncontent-type: ${type}\r\ncontent-range: ${where}`;
    parts.push(Buffer.from(`${head}\r\n\r\n`, 'latin1'), whole.subarray(range.first, range.last + 1));
    parts.push(Buffer.from('\r\n', 'latin1'));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`, 'latin1'));
  return { body: Buffer.concat(parts), type: `multipart/byteranges; boundary=${boundary}` };
}
