/** Serials are numbers of 32 bits that go round (RFC 1982 §3.2). */
const HALF = 0x8000_0000;

/** Whether a serial comes after another. Two that lie half the circle apart are not comparable: then not. */
export function isNewer(serial: number, than: number): boolean {
  const ahead = (serial - than) >>> 0;
  return ahead > 0 && ahead < HALF;
}
