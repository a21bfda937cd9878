/** Octets of a line of memory, as processors fetch it. */
const LINE_OCTETS = 64;
/**
 * Where a large buffer begins in its line: the allocator (glibc) puts a header of so many octets before it.
 * Where another does not, records lie on two lines now and then, and nothing else is different.
 */
const HEADER_OCTETS = 16;

/** Room for so many octets, and where in it the first whole line of memory begins. */
export function lineBuffer(octets: number): { readonly buffer: ArrayBuffer; readonly offset: number } {
  return { buffer: new ArrayBuffer(octets + LINE_OCTETS), offset: LINE_OCTETS - HEADER_OCTETS };
}
