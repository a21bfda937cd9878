/**
 * One line `first,last,asn,name` of an AS table as ip-location-db publishes it: for IPv4 decimal numbers
 * (asn-ipv4-num.csv), for IPv6 text (asn-ipv6.csv), first and last inclusive. Mutable, for reuse.
 */
export interface AsnRow {
  /**
   * IPv4: 32 bits in `high`. IPv6: the upper 64 bits, of the whole networks of that length in the range; so
   * last may come before first.
   */
  firstHigh: number;
  firstLow: number;
  lastHigh: number;
  lastLow: number;
  asn: number;
  /** Where the name begins in the file. */
  nameAt: number;
  /** Where the next line begins; set for a bad line too. */
  nextAt: number;
}

/** A row to read into. */
export function emptyAsnRow(): AsnRow {
  return { firstHigh: 0, firstLow: 0, lastHigh: 0, lastLow: 0, asn: 0, nameAt: 0, nextAt: 0 };
}

/** Reads the line that begins at `from`; false if it is none. */
export function readAsnRow(bytes: Uint8Array, from: number, family: 4 | 6, into: AsnRow): boolean {
  const isRow = readCells(bytes, from, family, into);
  let at = isRow ? into.nameAt : from;
  while (at < bytes.length && bytes[at] !== NEWLINE) at++;
  into.nextAt = at + 1;
  return isRow;
}

/** Name of the organisation in the row at `nameAt`. */
export function asnNameAt(bytes: Uint8Array, nameAt: number): string {
  const end = bytes.indexOf(NEWLINE, nameAt);
  const text = new TextDecoder().decode(bytes.slice(nameAt, end < 0 ? undefined : end)).trim();
  return text.startsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

const NEWLINE = 0x0a;
const COMMA = 0x2c;
const COLON = 0x3a;

function readCells(bytes: Uint8Array, from: number, family: 4 | 6, into: AsnRow): boolean {
  const read = family === 4 ? readNumber : readHextets;
  let at = read(bytes, from);
  if (at < 0) return false;
  into.firstHigh = cell.high;
  into.firstLow = cell.low;
  if (!cell.restZero && ++into.firstLow === 2 ** 32) {
    into.firstHigh++;
    into.firstLow = 0;
  }
  at = read(bytes, at);
  if (at < 0) return false;
  into.lastHigh = cell.high;
  into.lastLow = cell.low;
  if (!cell.restOnes && --into.lastLow < 0) {
    into.lastHigh--;
    into.lastLow = 2 ** 32 - 1;
  }
  at = readNumber(bytes, at);
  into.asn = cell.high;
  into.nameAt = at;
  return at >= 0;
}

/** The cell read last: parsing is synchronous, so one is enough. */
const cell = { high: 0, low: 0, restZero: true, restOnes: true };
const hextets = new Uint16Array(8);

/** Reads a decimal number below 2^32 and the comma after it; returns where the next cell begins, or -1. */
function readNumber(bytes: Uint8Array, start: number): number {
  let at = start;
  let value = 0;
  for (let digit = (bytes[at] ?? 0) - 0x30; digit >= 0 && digit <= 9; digit = (bytes[++at] ?? 0) - 0x30)
    value = value * 10 + digit;
  if (at === start || at - start > 10 || value >= 2 ** 32 || bytes[at] !== COMMA) return -1;
  cell.high = value;
  cell.low = 0;
  cell.restZero = true;
  cell.restOnes = true;
  return at + 1;
}

/** Reads an IPv6 address in presentation form and the comma after it; returns as `readNumber`. */
function readHextets(bytes: Uint8Array, from: number): number {
  let at = from;
  let filled = 0;
  let gapAt = -1;
  if (bytes[at] === COLON && bytes[at + 1] === COLON) {
    gapAt = 0;
    at += 2;
  }
  while (bytes[at] !== COMMA) {
    let value = 0;
    const start = at;
    for (let digit = hexDigit(bytes[at]); digit >= 0; digit = hexDigit(bytes[++at]))
      value = value * 16 + digit;
    if (at === start || at - start > 4 || filled === 8) return -1;
    hextets[filled++] = value;
    if (bytes[at] !== COLON) continue;
    at++;
    if (bytes[at] !== COLON) continue;
    if (gapAt >= 0) return -1;
    gapAt = filled;
    at++;
  }
  if (gapAt < 0 ? filled !== 8 : filled > 7) return -1;
  if (gapAt >= 0) {
    hextets.copyWithin(8 - (filled - gapAt), gapAt, filled);
    hextets.fill(0, gapAt, 8 - (filled - gapAt));
  }
  const group = (index: number): number => hextets[index] as number;
  cell.high = group(0) * 65536 + group(1);
  cell.low = group(2) * 65536 + group(3);
  cell.restZero = (group(4) | group(5) | group(6) | group(7)) === 0;
  cell.restOnes = (group(4) & group(5) & group(6) & group(7)) === 0xffff;
  return at + 1;
}

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
