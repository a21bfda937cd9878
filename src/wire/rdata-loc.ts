import type { OctetSink, TokenCursor } from './presentation.ts';
import { parseDecimal, putOctet, quote } from './presentation.ts';
import type { FieldCodec, RdataReader } from './rdata-field.ts';
import { putNumber, takeNumber } from './rdata-field.ts';

/** Thousandths of a second of arc in a degree. */
const DEGREE = 3_600_000;
/** The equator and the prime meridian on the wire. */
const MIDDLE = 2 ** 31;
/** Centimetres by which altitudes are shifted on the wire: 100 km. */
const ALTITUDE_SHIFT_CM = 10_000_000;
/**
 * Size 1 m, horizontal precision 10 km, vertical precision 10 m where the text gives none (RFC 1876 §3).
 */
const DEFAULT_SIZES_CM = [100, 1_000_000, 1_000] as const;
const SIZE_LABELS = ['size', 'horizontal precision', 'vertical precision'] as const;

/**
 * The whole of a LOC (RFC 1876): `d [m [s]] N|S d [m [s]] E|W altitude [size [hp [vp]]]`, metres with up to
 * two decimals and an optional `m`. Sizes keep one significant digit: that is all the wire has.
 */
export const location: FieldCodec = {
  parse(cursor, sink) {
    const latitude = parseAngle(cursor, { max: 90, signs: 'NS', what: 'latitude' });
    if (typeof latitude === 'string') return latitude;
    const longitude = parseAngle(cursor, { max: 180, signs: 'EW', what: 'longitude' });
    if (typeof longitude === 'string') return longitude;
    const altitudeCm = parseMetres(cursor, 'altitude', { min: -ALTITUDE_SHIFT_CM, max: 4_284_967_295 });
    if (typeof altitudeCm === 'string') return altitudeCm;
    const sizes: number[] = [];
    for (const [i, label] of SIZE_LABELS.entries()) {
      const given = cursor.next < cursor.tokens.length;
      const size = given ? parseMetres(cursor, label, { min: 0, max: 9e9 }) : DEFAULT_SIZES_CM[i];
      if (typeof size === 'string') return size;
      sizes.push(size as number);
    }
    putOctet(sink, 0);
    for (const size of sizes) putSize(sink, size);
    putNumber(sink, latitude + MIDDLE, 4);
    putNumber(sink, longitude + MIDDLE, 4);
    putNumber(sink, altitudeCm + ALTITUDE_SHIFT_CM, 4);
    return undefined;
  },
  format(reader) {
    if (takeNumber(reader, 1) !== 0) reader.wrong ??= 'the version of LOC is not 0';
    const sizes = SIZE_LABELS.map(() => formatSize(reader));
    const latitude = formatAngle(reader, { max: 90, signs: 'NS' });
    const longitude = formatAngle(reader, { max: 180, signs: 'EW' });
    const altitudeCm = takeNumber(reader, 4) - ALTITUDE_SHIFT_CM;
    return [latitude, longitude, `${(altitudeCm / 100).toFixed(2)}m`, ...sizes].join(' ');
  },
};

interface Angle {
  /** Degrees at most. */
  readonly max: number;
  /** Letters for the positive and the negative side. */
  readonly signs: 'NS' | 'EW';
  readonly what?: string;
}

function parseAngle(cursor: TokenCursor, angle: Angle): number | string {
  const { max, signs, what } = angle;
  let value = 0;
  for (const [unit, highest] of [
    [DEGREE, max],
    [DEGREE / 60, 59],
    [1000, 59.999],
    [0, 0],
  ] as const) {
    const text = cursor.tokens[cursor.next]?.text;
    if (text === undefined) return `has no ${signs[0]} or ${signs[1]} after the ${what}`;
    const sign = text.length === 1 ? signs.indexOf(text.toUpperCase()) : -1;
    if (sign >= 0 && unit !== DEGREE) {
      if (value > max * DEGREE) return `has a ${what} over ${max} degrees`;
      cursor.next++;
      return sign === 0 ? value : -value;
    }
    const number = unit === 1000 ? parseFixed(text, 3) / 1000 : parseDecimal(text, highest);
    if (unit === 0 || number < 0 || number > highest)
      return `has ${quote(text)} in the ${what}, not as "42 21 54.5 ${signs[0]}"`;
    value += Math.round(number * unit);
    cursor.next++;
  }
  return `has a ${what} that does not end`;
}

function formatAngle(reader: RdataReader, angle: Angle): string {
  const value = takeNumber(reader, 4) - MIDDLE;
  const size = Math.abs(value);
  if (size > angle.max * DEGREE) reader.wrong ??= 'a coordinate is out of range';
  const degrees = Math.floor(size / DEGREE);
  const minutes = Math.floor((size % DEGREE) / 60_000);
  return `${degrees} ${minutes} ${((size % 60_000) / 1000).toFixed(3)} ${angle.signs[value < 0 ? 1 : 0]}`;
}

/** Reads metres as centimetres. */
function parseMetres(
  cursor: TokenCursor,
  what: string,
  range: { min: number; max: number },
): number | string {
  const text = cursor.tokens[cursor.next]?.text;
  if (text === undefined) return `has no ${what}`;
  const negative = text.startsWith('-');
  const size = parseFixed(text.slice(negative ? 1 : 0).replace(/m$/i, ''), 2);
  const value = negative ? -size : size;
  if (size < 0 || value < range.min || value > range.max)
    return `has ${quote(text)} as ${what}, not metres from ${range.min / 100} to ${range.max / 100}`;
  cursor.next++;
  return value;
}

/**
 * A decimal fraction with at most `decimals` decimals, as a whole number of its last decimal; -1 if it is
 * none.
 */
function parseFixed(text: string, decimals: number): number {
  const [whole = '', fraction = '', ...more] = text.split('.');
  if (more.length > 0 || fraction.length > decimals) return -1;
  const high = parseDecimal(whole === '' ? '0' : whole, 0xffff_ffff);
  const low = parseDecimal(fraction.padEnd(decimals, '0'), 999);
  return high < 0 || low < 0 || text === '' || text === '.' ? -1 : high * 10 ** decimals + low;
}

/** Centimetres as one digit and a power of ten, four bits each (RFC 1876 §2). */
function putSize(sink: OctetSink, sizeCm: number): void {
  let digit = sizeCm;
  let power = 0;
  for (; digit >= 10; power++) digit = Math.floor(digit / 10);
  putOctet(sink, (digit << 4) | power);
}

function formatSize(reader: RdataReader): string {
  const octet = takeNumber(reader, 1);
  const digit = octet >> 4;
  const power = octet & 0xf;
  if (digit > 9 || power > 9 || (digit === 0 && power > 0))
    reader.wrong ??= 'a size or precision is malformed';
  const sizeCm = digit * 10 ** power;
  return power >= 2 ? `${sizeCm / 100}m` : `${(sizeCm / 100).toFixed(2)}m`;
}
