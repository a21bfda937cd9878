import { BrokenLog } from './questions.ts';

const LINE_END = 0x0a;
/** A line is longer than this nowhere: what is, is no log of lines. */
const LINE_MAX = 1 << 20;

/** Cuts chunks into lines. */
export interface Lines {
  /** Throws `BrokenLog` at a line without an end. */
  readonly push: (chunk: Uint8Array) => void;
  /** What is left is the last line. */
  readonly end: () => void;
}

/** Gives each line without its end, and its number from 1 on; empty ones too. */
export function createLines(take: (octets: Uint8Array, line: number) => void): Lines {
  let rest = new Uint8Array(0);
  let line = 0;
  return {
    push: (chunk) => {
      let from = 0;
      for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
        const tail = chunk.subarray(from, end);
        take(rest.length === 0 ? tail : joined(rest, tail), ++line);
        rest = new Uint8Array(0);
        from = end + 1;
      }
      if (from < chunk.length) rest = joined(rest, chunk.subarray(from));
      if (rest.length > LINE_MAX)
        throw new BrokenLog(`line ${line + 1}`, `longer than ${LINE_MAX} octets: this is no log of lines`);
    },
    end: () => {
      if (rest.length > 0) take(rest, ++line);
    },
  };
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(one.length + other.length);
  octets.set(one);
  octets.set(other, one.length);
  return octets;
}
